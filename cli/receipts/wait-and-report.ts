/** What every command that changes desired state ends with: wait for the answers, show them, come to an exit code. */
import type { JsonValue } from '@bufbuild/protobuf';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import type { Context, Option } from '../command.ts';
import type { Clients } from '../connection/clients.ts';
import { ProgressView } from '../progress/progress-view.ts';
import type { ScopeInit } from '../scope.ts';
import { awaitReceipts, type TenantOutcome } from './await-receipts.ts';
import { exitCodeOfOutcomes, outcomesJson, printOutcomes } from './report-outcomes.ts';

/** The options of such a command. */
export const waitOptions: readonly Option[] = [
  { flags: '--no-wait', summary: 'do not wait for the answers of the agents' },
  { flags: '--timeout <seconds>', summary: 'wait at most this long (default: 120; runtimes: 900)' },
];

/** What they are once typed. */
export const waitShape = {
  wait: z.boolean().default(true),
  timeout: z.coerce.number().positive().max(86_400).optional(),
};

/** The change that was made. */
export type Made = {
  readonly scope: ScopeInit;
  readonly kind: Kind;
  readonly revision: bigint;
  /** What programs get besides the answers. */
  readonly json: Readonly<Record<string, JsonValue>>;
};

type WaitInput = { readonly wait: boolean; readonly timeout?: number | undefined };

/** Resolves with the exit code. */
export async function waitAndReport(context: Context, clients: Clients, made: Made, input: WaitInput): Promise<number> {
  const { output } = context;
  if (!input.wait) {
    output.document(made.json);
    return 0;
  }
  const outcomes = await wait(context, clients, made, input);
  printOutcomes(output, outcomes);
  output.document({ ...made.json, answers: outcomesJson(outcomes) });
  return exitCodeOfOutcomes(outcomes);
}

/** Waits, and shows what takes long: an upgrade always, a restart for new configuration where it can be wiped away again. */
async function wait(
  { output, clock, interrupts }: Context,
  clients: Clients,
  { scope, kind, revision }: Made,
  { timeout }: WaitInput,
): Promise<readonly TenantOutcome[]> {
  const view = new ProgressView(output, clock);
  const timeoutMillis = 1000 * (timeout ?? (kind === Kind.RUNTIME ? 900 : 120));
  const shows = kind === Kind.RUNTIME || output.interactive;
  const awaited = {
    scope,
    kind,
    revision,
    timeoutMillis,
    heard({ name, status }: Tenant) {
      if (shows && status?.progress) view.heard(name, status.progress);
    },
  };
  try {
    return await awaitReceipts(clients, awaited, clock, interrupts.signal);
  } finally {
    view.close();
  }
}
