/** A history for people: every revision, and below it every answer an agent gave to it. */
import { enumName } from '@opencrane/kit/enum-name.ts';
import { type Receipt, ReceiptState, ReceiptStateSchema, type Scope } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { scopeText } from '../commands/scope.ts';
import type { Output, Style } from '../output/output.ts';
import { formatTime } from '../output/units.ts';
import { effectOf, refusalOf } from './report-outcomes.ts';

/** What revisions of every kind have in common. */
type Revision = {
  readonly revision: bigint;
  readonly scope?: Scope | undefined;
  readonly actor: string;
  readonly reason: string;
  readonly createdAtMillis: bigint;
};

/** Titles of such a table. */
export const historyTitles = ['REVISION', 'WHEN', 'SCOPE', 'BY', 'WHAT'] as const;

/** Its rows. Answers to a revision that is not among those shown (it may be older) come last. */
export function historyRows<R extends Revision>(
  revisions: readonly R[],
  receipts: readonly Receipt[],
  what: (revision: R) => string,
  output: Output,
): (string | bigint)[][] {
  const shown = new Set(revisions.map(({ revision }) => revision));
  const answers = (wanted: bigint) => receipts.filter(({ revision }) => revision === wanted);
  return [
    ...revisions.flatMap((each) => [
      [each.revision, formatTime(each.createdAtMillis), scopeText(each.scope), each.actor, what(each)],
      ...answers(each.revision).map((receipt) => answerRow(receipt, '', output)),
    ]),
    ...receipts.filter(({ revision }) => !shown.has(revision)).map((each) => answerRow(each, each.revision, output)),
  ];
}

function answerRow(receipt: Receipt, revision: bigint | '', output: Output): (string | bigint)[] {
  const state = enumName(ReceiptStateSchema, receipt.state).toLowerCase();
  const word = output.style(styles[receipt.state] ?? 'dim', state);
  return [revision, formatTime(receipt.atMillis), '', 'agent', `${word}${detailOf(receipt)}`];
}

function detailOf(receipt: Receipt): string {
  if (receipt.state === ReceiptState.APPLIED) return `: ${effectOf(receipt)}`;
  if (receipt.state !== ReceiptState.FAILED) return '';
  return `: ${refusalOf(receipt)}${receipt.servingRevision > 0n ? `; revision ${receipt.servingRevision} serves on` : ''}`;
}

const styles: Partial<Record<ReceiptState, Style>> = {
  [ReceiptState.APPLIED]: 'green',
  [ReceiptState.FAILED]: 'red',
};
