/** Says what became of a revision, and makes an exit code of it. */

import { toJson } from '@bufbuild/protobuf';
import { atPath } from '@opencrane/kit/at-path.ts';
import { enumName } from '@opencrane/kit/enum-name.ts';
import { exitCodes } from '@opencrane/kit/errors.ts';
import { type Receipt, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { PhaseSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Output } from '../output/output.ts';
import { formatMillis } from '../output/units.ts';
import type { TenantOutcome } from './await-receipts.ts';

/** Tenants that are named one by one when all is well; of more, only those with trouble are. */
const NAMED = 20;

/** A line per tenant that a person should see, and a sum when there are many. */
export function printOutcomes(output: Output, outcomes: readonly TenantOutcome[]): void {
  if (outcomes.length === 0) output.line(output.style('dim', 'no tenant is concerned yet'));
  for (const each of outcomes) {
    if (outcomes.length <= NAMED || each.outcome.state !== 'applied') output.line(outcomeLine(output, each));
  }
  if (outcomes.length > NAMED) {
    const count = (state: string) => outcomes.filter(({ outcome }) => outcome.state === state).length;
    output.line(`${count('applied')} applied, ${count('refused')} refused, ${count('waiting')} without an answer`);
  }
}

/** Refused anywhere is a failure; no answer in time means that someone could not be reached. */
export function exitCodeOfOutcomes(outcomes: readonly TenantOutcome[]): number {
  if (outcomes.some(({ outcome }) => outcome.state === 'refused')) return exitCodes.failed;
  return outcomes.some(({ outcome }) => outcome.state === 'waiting') ? exitCodes.unavailable : exitCodes.ok;
}

/** The outcomes for programs. */
export function outcomesJson(outcomes: readonly TenantOutcome[]) {
  return outcomes.map(({ tenant, outcome }) => ({
    tenant: tenant.name,
    state: outcome.state,
    ...('receipt' in outcome ? { receipt: toJson(ReceiptSchema, outcome.receipt) } : {}),
  }));
}

/** How an offer took effect: `hot`, `restart, 2.1 s not ready`. */
export function effectOf({ effect, downtimeMillis }: Receipt): string {
  const words: Record<string, string> = { none: 'nothing to do', switch: 'switched', start: 'with the first start' };
  const downtime = downtimeMillis > 0n ? `, ${formatMillis(downtimeMillis)} not ready` : '';
  return `${words[effect] ?? effect}${downtime}`;
}

/** Why an offer was refused, in OpenClaw's words. */
export function refusalOf({ path, message, reason }: Receipt): string {
  const words = message || reason;
  return atPath(path, words);
}

function outcomeLine(output: Output, { tenant, outcome }: TenantOutcome): string {
  const name = output.style('bold', tenant.name);
  switch (outcome.state) {
    case 'applied':
      return `${output.style('green', '✔')} ${name} applied (${effectOf(outcome.receipt)})`;
    case 'refused': {
      const { servingRevision } = outcome.receipt;
      const serving = servingRevision > 0n ? `; revision ${servingRevision} serves on` : '';
      return `${output.style('red', '✘')} ${name} refused: ${refusalOf(outcome.receipt)}${serving}`;
    }
    default: {
      const phase = enumName(PhaseSchema, tenant.status?.phase ?? 0).toLowerCase();
      return `${output.style('yellow', '…')} ${name} has not answered yet (${phase}); it gets the change when it can`;
    }
  }
}
