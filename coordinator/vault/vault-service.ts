/**
 * A tenant's vault over Connect. The tenant's agent does the work; what is here finds it, asks it, and records who asked.
 * What changes something, and what hands data out, is in the audit log before the agent is asked.
 */
import type { ServiceImpl } from '@connectrpc/connect';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type {
  ExportFiles,
  RestoreSnapshot,
  SnapshotRestored,
  VaultResult,
  VaultService,
} from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { actorOf } from '../admin/caller.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { EventLog, EventRecord } from '../events/event-log.ts';
import type { Change, Store } from '../store/store.ts';
import { exportInWords, restoreInWords } from './in-words.ts';
import type { VaultAgents, VaultOrder } from './ports.ts';

/** What the service works on. */
export type VaultServiceParts = {
  readonly store: Store;
  /** Throws `not_found` for a tenant that does not exist. */
  readonly directory: { get(name: string): unknown };
  readonly tenants: { exists(change: Change, name: string): Promise<boolean> };
  readonly agents: VaultAgents;
  readonly audit: AuditLog;
  readonly events: EventLog;
  readonly log: Logger;
};

/** Serves the vaults. */
export function vaultService(parts: VaultServiceParts): ServiceImpl<typeof VaultService> {
  const { directory } = parts;
  return {
    async listSnapshots({ tenant, list }, { signal }) {
      directory.get(tenant);
      return { list: await ask(parts, tenant, { case: 'list', value: list ?? {} }, 'list', signal) };
    },

    async takeSnapshot({ tenant, take }, context) {
      const summary = take?.acceptLoss
        ? 'snapshot asked for; what is missing in it was meant to go'
        : 'snapshot asked for';
      await record(parts, tenant, { actor: actorOf(context), action: 'vault.snapshot', summary });
      return { taken: await ask(parts, tenant, { case: 'take', value: take ?? {} }, 'taken', context.signal) };
    },

    async restoreVault({ tenant, restore }, context) {
      const order = restore ?? missing('restore');
      const actor = actorOf(context);
      const summary = restoreInWords(order);
      const event = { reason: 'VaultRestoring', message: `${summary}, by ${actor}` };
      await record(parts, tenant, { actor, action: 'vault.restore', summary }, event);
      return { restored: await restoreAndTell(parts, tenant, order, context.signal) };
    },

    async verifyVault({ tenant, verify }, { signal }) {
      directory.get(tenant);
      return { verified: await ask(parts, tenant, { case: 'verify', value: verify ?? {} }, 'verified', signal) };
    },

    async pruneVault({ tenant, prune }, context) {
      directory.get(tenant);
      const summary = 'removal of what the retention no longer keeps asked for';
      if (prune?.dryRun !== true) {
        await record(parts, tenant, { actor: actorOf(context), action: 'vault.prune', summary });
      }
      return { pruned: await ask(parts, tenant, { case: 'prune', value: prune ?? {} }, 'pruned', context.signal) };
    },

    async diffSnapshots({ tenant, compare }, { signal }) {
      directory.get(tenant);
      const value = compare ?? missing('compare');
      return { difference: await ask(parts, tenant, { case: 'compare', value }, 'difference', signal) };
    },

    async *exportSnapshot({ tenant, export: files }, context) {
      const order = files ?? missing('export');
      const actor = actorOf(context);
      await record(parts, tenant, { actor, action: 'vault.export', summary: exportInWords(order) }); // before anyone has it
      yield {}; // proxies and clients see nothing of a stream before its first message
      yield* archive(parts, tenant, order, context.signal);
    },
  };
}

/** The validation in front of the service lets no request through without it. */
function missing(field: string): never {
  throw new OpenCraneError('invalid_argument', 'request_invalid', `${field} is missing`, { field });
}

type Asked = { readonly actor: string; readonly action: string; readonly summary: string };

type News = Omit<EventRecord, 'tenant'>;

async function record(parts: VaultServiceParts, tenant: string, asked: Asked, news?: News): Promise<void> {
  const { store, directory, audit, events } = parts;
  directory.get(tenant);
  await store.transaction(async (change) => {
    await audit.record(change, { ...asked, target: `tenant/${tenant}` });
    if (news !== undefined) await events.record(change, { tenant, ...news });
  });
}

/** The agent goes on with a restore that nobody waits for any more, so how it ended is told whoever waits. */
async function restoreAndTell(
  parts: VaultServiceParts,
  tenant: string,
  order: RestoreSnapshot,
  signal: AbortSignal,
): Promise<SnapshotRestored> {
  const restored = ask(parts, tenant, { case: 'restore', value: order }, 'restored').then(
    async (result) => {
      await tell(parts, tenant, { reason: 'VaultRestored', message: restoredInWords(result) });
      return result;
    },
    async (cause) => {
      await tell(parts, tenant, { reason: 'VaultRestoreFailed', message: messageOf(cause) });
      throw cause;
    },
  );
  const gone = Promise.withResolvers<never>();
  const onAbort = () => gone.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return Promise.race([restored, gone.promise]).finally(() => signal.removeEventListener('abort', onAbort));
}

function restoredInWords({ snapshot, folder, downtimeMillis }: SnapshotRestored): string {
  const what = `snapshot ${snapshot?.sequence ?? '?'} is back in ${folder}`;
  return downtimeMillis > 0n ? `${what}; OpenClaw was not ready for ${downtimeMillis} ms` : what;
}

/** An event that cannot be written must not turn a restore that was done into one that failed. */
async function tell({ store, tenants, events, log }: VaultServiceParts, tenant: string, news: News): Promise<void> {
  try {
    await store.transaction(async (change) => {
      if (await tenants.exists(change, tenant)) await events.record(change, { tenant, ...news });
    });
  } catch (cause) {
    log.error({ err: cause, tenant, ...news }, 'an event could not be written');
  }
}

async function* archive(parts: VaultServiceParts, tenant: string, files: ExportFiles, signal: AbortSignal) {
  try {
    const pieces = parts.agents.exportFiles(tenant, files, signal);
    for (let piece = await pieces.next(); ; piece = await pieces.next()) {
      if (piece.done) {
        const value = answerOf(tenant, piece.value, 'exported');
        yield { part: { case: 'exported', value } } as const;
        return;
      }
      yield { part: { case: 'data', value: piece.value } } as const;
    }
  } catch (cause) {
    throw withOfflineWay(cause, 'export');
  }
}

type Answer = Exclude<VaultResult['result'], { readonly case: undefined }>;
/** What is answered in each case. */
type Answers = { readonly [Each in Answer as Each['case']]: Each['value'] };

async function ask<Case extends keyof Answers>(
  { agents }: VaultServiceParts,
  tenant: string,
  order: VaultOrder,
  wanted: Case,
  signal?: AbortSignal,
): Promise<Answers[Case]> {
  try {
    return answerOf(tenant, await agents.vault(tenant, order, signal), wanted);
  } catch (cause) {
    throw withOfflineWay(cause, offlineVerbs[order.case]);
  }
}

function answerOf<Case extends keyof Answers>(tenant: string, { result }: VaultResult, wanted: Case): Answers[Case] {
  if (isCase(result, wanted)) return result.value;
  const what = `the agent of ${tenant} answered "${result.case ?? 'nothing'}" where "${wanted}" was due`;
  throw new OpenCraneError('internal', 'answer_unexpected', what, {
    mend: 'bring agent and coordinator to one version',
  });
}

function isCase<Case extends keyof Answers>(
  result: VaultResult['result'],
  wanted: Case,
): result is Answer & { readonly case: Case; readonly value: Answers[Case] } {
  return result.case === wanted;
}

/** The same by the CLI without an agent. A snapshot needs a state: what is in the bucket can still be listed. */
const offlineVerbs: Readonly<Record<VaultOrder['case'], string>> = {
  list: 'list',
  take: 'list',
  restore: 'restore',
  verify: 'verify',
  prune: 'prune',
  compare: 'diff',
  export: 'export',
};

/** With the bucket and its key nobody needs the agent, or us. */
function withOfflineWay(cause: unknown, verb: string): unknown {
  if (!(cause instanceof OpenCraneError) || cause.reason !== 'agent_not_connected') return cause;
  const offline = `"opencrane vault ${verb} --bucket ADDRESS --key-file FILE"`;
  const mend = `${cause.mend}; or read the bucket without it: ${offline}`;
  return new OpenCraneError(cause.code, cause.reason, cause.message, { field: cause.field, mend, cause });
}
