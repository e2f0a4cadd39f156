/** Takes down what agents say: in memory at once, in the database when it changed, as an event when it is news. */

import { equals } from '@bufbuild/protobuf';
import { atPath } from '@opencrane/kit/at-path.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import { type Health, HealthSchema, type Hello } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, type Progress, type Receipt, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { AgentObserver } from '../agents/ports.ts';
import type { EventLog, EventRecord } from '../events/event-log.ts';
import type { RuntimeRequests } from '../offers/ports.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { scopesOf } from '../revisions/scope.ts';
import type { GroupCommit } from '../store/group-commit.ts';
import type { Change } from '../store/store.ts';
import { type Observation, phaseOfEntry, type TenantDirectory } from './directory.ts';
import { encodeObservation } from './load.ts';
import type { TenantStore } from './tenant-store.ts';

/** What the observer works on. */
export type AgentObserverParts = {
  readonly directory: TenantDirectory;
  readonly tenants: TenantStore;
  readonly receipts: ReceiptStore;
  readonly events: EventLog;
  readonly commits: GroupCommit;
  readonly runtimeRequests: RuntimeRequests;
  readonly revisions: Pick<RevisionStore, 'latestOf'>;
  /** Which of the layers a refused configuration has its fault from, in words; empty when it is none of them. */
  readonly blamedLayer: (complaint: Pick<Receipt, 'path' | 'message'>, layers: readonly Revision[]) => string;
  readonly clock: Clock;
};

type News = Omit<EventRecord, 'tenant'>;

/** Of a tenant that could not be told of in the database, so many pieces of news wait; older ones are dropped. */
const MOST_WAITING_NEWS = 50;

/** Makes the observer. */
export function agentObserver(parts: AgentObserverParts): AgentObserver {
  const { directory, clock, events } = parts;
  const unsaved = new Map<string, readonly News[]>();
  const observe = (tenant: string, seen: Partial<Observation>, news: readonly News[]) =>
    takeDown(parts, unsaved, tenant, seen, news);
  return {
    async connected(tenant, hello, sessionId) {
      directory.get(tenant); // a tenant that is gone is told so
      // What an agent said on an earlier stream is not what is so now; the first thing this one says is its health.
      const seen = { session: sessionId, lastSeen: clock.now(), health: undefined };
      await observe(tenant, seen, [{ reason: 'AgentConnected', message: introduction(hello) }]);
    },

    renewed(tenant, sessionId) {
      directory.get(tenant); // a tenant that is gone is told so
      directory.renewed(tenant, sessionId, clock.now());
    },

    async receipt(tenant, receipt) {
      directory.get(tenant);
      await keepReceipt(parts, tenant, receipt);
    },

    async health(tenant, health) {
      const before = directory.get(tenant).observed.health;
      directory.heard(tenant, clock.now());
      if (before && equals(HealthSchema, before, health)) return;
      await observe(tenant, { health }, driftNews(before, health));
    },

    progress(tenant, progress) {
      directory.observe(tenant, { lastSeen: clock.now(), progress: underWay(progress) });
      events.progress(tenant, progress);
    },

    heartbeat(tenant) {
      directory.heard(tenant, clock.now());
      if (unsaved.has(tenant) && directory.find(tenant)) void observe(tenant, {}, []).catch(() => {}); // the next one tries again
    },

    async disconnected(tenant, sessionId, why) {
      if (directory.find(tenant)?.observed.session !== sessionId) return; // a newer session took over, or the tenant is gone
      await observe(tenant, { session: '', progress: undefined }, [{ reason: 'AgentDisconnected', message: why }]);
    },

    runtimeRequest(tenant, version) {
      return parts.runtimeRequests.request(tenant, version);
    },
  };
}

/**
 * Notes an observation, and commits it together with what is new about it. A database that takes nothing for want of room costs
 * no agent its stream: what was seen is known in memory, and is committed with the next observation or heartbeat after that.
 */
async function takeDown(
  parts: AgentObserverParts,
  unsaved: Map<string, readonly News[]>,
  tenant: string,
  seen: Partial<Observation>,
  news: readonly News[],
): Promise<void> {
  const { directory, tenants, events, commits } = parts;
  const before = phaseOfEntry(directory.get(tenant));
  directory.observe(tenant, seen);
  const entry = directory.get(tenant);
  const after = phaseOfEntry(entry);
  const changed =
    before.phase === after.phase
      ? []
      : [{ reason: phaseReasons[after.phase] ?? 'TenantChanged', message: after.message }];
  const all = [...(unsaved.get(tenant) ?? []), ...news, ...changed].slice(-MOST_WAITING_NEWS);
  unsaved.delete(tenant);
  const observation = encodeObservation(entry.observed);
  try {
    await commits.commit(async (change) => {
      if (!(await tenants.keepObservation(change, tenant, observation))) return;
      for (const event of all) await events.record(change, { tenant, ...event });
    });
  } catch (cause) {
    if (!isLackOfTheMachine(cause)) throw cause;
    unsaved.set(tenant, [...all, ...(unsaved.get(tenant) ?? [])].slice(-MOST_WAITING_NEWS));
  }
}

async function keepReceipt(parts: AgentObserverParts, tenant: string, told: Receipt): Promise<void> {
  const { directory, tenants, receipts, events, commits } = parts;
  await commits.commit(async (change) => {
    if (!(await tenants.exists(change, tenant))) return;
    const receipt = { ...told, message: await namingTheLayer(parts, tenant, told, change) };
    if (!(await receipts.keep(change, tenant, receipt))) return;
    const message = receiptLine(receipt);
    await events.record(change, { tenant, reason: receiptReason(receipt), message, receipt });
    change.afterCommit(() => {
      const before = directory.find(tenant)?.observed.receipts ?? new Map();
      directory.observe(tenant, { receipts: new Map(before).set(receipt.kind, receipt) });
    });
  });
}

/** What an agent says is wrong with a configuration, with the layer that says so: an agent knows only what the layers come to. */
async function namingTheLayer(
  { directory, revisions, blamedLayer }: AgentObserverParts,
  tenant: string,
  { kind, state, revision, path, message }: Receipt,
  { db }: Change,
): Promise<string> {
  const record = directory.find(tenant)?.record;
  if (kind !== Kind.CONFIG || state !== ReceiptState.FAILED || record === undefined) return message;
  const layers = await revisions.latestOf(scopesOf(record), 'config', db);
  const isNewest = BigInt(Math.max(0, ...layers.map(({ number }) => number))) === revision;
  if (!isNewest) return message; // of an earlier offer the layers are no more
  const blamed = blamedLayer({ path, message }, layers);
  return blamed === '' ? message : `${message} (${blamed})`;
}

function introduction({ agentVersion, platform }: Hello): string {
  return platform
    ? `agent ${agentVersion} on Node ${platform.nodeVersion}, ${platform.os}-${platform.arch}`
    : `agent ${agentVersion}`;
}

function driftNews(before: Health | undefined, { drift }: Health): News[] {
  const known = before?.drift ?? [];
  if (drift.length === 0) {
    return known.length === 0 ? [] : [{ reason: 'DriftGone', message: 'the managed configuration is in effect again' }];
  }
  const found = drift.filter((path) => !known.includes(path));
  return found.length === 0 ? [] : [{ reason: 'DriftFound', message: `changed behind our back: ${found.join(', ')}` }];
}

function underWay(progress: Progress): Progress | undefined {
  return progress.finished ? undefined : progress;
}

const phaseReasons: Record<number, string> = {
  [Phase.PENDING]: 'TenantPending',
  [Phase.STARTING]: 'TenantStarting',
  [Phase.READY]: 'TenantReady',
  [Phase.DEGRADED]: 'TenantDegraded',
  [Phase.DISCONNECTED]: 'TenantDisconnected',
  [Phase.DELETING]: 'TenantDeleting',
};

const kindWords: Record<number, string> = {
  [Kind.CONFIG]: 'Config',
  [Kind.RUNTIME]: 'Runtime',
  [Kind.SKILLS]: 'Skills',
  [Kind.SECRETS]: 'Secrets',
  [Kind.EGRESS]: 'Egress',
};

const stateWords: Record<number, string> = {
  [ReceiptState.APPLYING]: 'Applying',
  [ReceiptState.APPLIED]: 'Applied',
  [ReceiptState.FAILED]: 'Failed',
};

/** Such as `ConfigApplied`. Numbers that a newer agent knows and we don't are `Offer` and `Answered`. */
function receiptReason({ kind, state }: Receipt): string {
  return `${kindWords[kind] ?? 'Offer'}${stateWords[state] ?? 'Answered'}`;
}

function receiptLine({ state, revision, effect, downtimeMillis, path, message }: Receipt): string {
  switch (state) {
    case ReceiptState.APPLIED: {
      const downtime = downtimeMillis > 0n ? `, ${downtimeMillis} ms not ready` : '';
      return `revision ${revision} is in effect (${effect || 'none'}${downtime})`;
    }
    case ReceiptState.FAILED:
      return `revision ${revision} was refused: ${atPath(path, message)}`;
    default:
      return `revision ${revision} is being applied`;
  }
}
