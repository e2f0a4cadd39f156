/** Revisions and the answers to them as one table, newest first. */
import { type Receipt, ReceiptState, type Scope } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Output } from '../output/output.ts';
import type { TableCell } from '../output/table.ts';
import { formatTime } from '../output/units.ts';
import { scopeText } from '../scope.ts';
import { effectOf, refusalOf } from './report-outcomes.ts';

/** A revision of any kind. */
export type HistoryRevision = {
  readonly revision: bigint;
  readonly scope?: Scope | undefined;
  readonly actor: string;
  readonly reason: string;
  readonly createdAtMillis: bigint;
  /** What it says, such as `pinned to 2026.9.6`. */
  readonly what: string;
};

/** The titles of the rows. */
export const historyTitles = ['TIME', 'REVISION', 'WHO', 'WHAT'] as const;

/** The rows. What was begun and has an answer since is left out: its answer tells more. */
export function historyRows(
  revisions: readonly HistoryRevision[],
  receipts: readonly Receipt[],
  output: Output,
): readonly (readonly TableCell[])[] {
  const answered = new Set(
    receipts
      .filter(({ state }) => state !== ReceiptState.APPLYING)
      .map(({ revision, nonce }) => `${revision} ${nonce}`),
  );
  const made = revisions.map(({ createdAtMillis, revision, actor, what, scope, reason }) => {
    const why = reason === '' ? '' : `: ${reason}`;
    return { at: createdAtMillis, cells: [revision, actor, `${what} of ${scopeText(scope)}${why}`] };
  });
  const answers = receipts
    .filter(({ state, revision, nonce }) => state !== ReceiptState.APPLYING || !answered.has(`${revision} ${nonce}`))
    .map((receipt) => ({ at: receipt.atMillis, cells: [receipt.revision, 'agent', answerText(receipt, output)] }));
  return [...made, ...answers]
    .toSorted((a, b) => Number(b.at - a.at))
    .map(({ at, cells }) => [formatTime(at), ...cells]);
}

function answerText(receipt: Receipt, output: Output): string {
  if (receipt.state === ReceiptState.APPLIED) return `${output.style('green', 'applied')} (${effectOf(receipt)})`;
  if (receipt.state !== ReceiptState.FAILED) return 'applying';
  const serving = receipt.servingRevision > 0n ? `; revision ${receipt.servingRevision} serves on` : '';
  return `${output.style('red', 'refused')}: ${refusalOf(receipt)}${serving}`;
}
