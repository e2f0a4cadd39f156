/** Tenants over Connect. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { Clock } from '@opencrane/kit/clock.ts';
import { LogSource, Retention, type TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { actorOf } from '../admin/caller.ts';
import type { DesiredState } from '../agents/ports.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Change, Store } from '../store/store.ts';
import type { TenantDirectory } from './directory.ts';
import type { TenantKeeper } from './keeper.ts';
import type { AgentCommands, LogProgram, Platform } from './ports.ts';
import { tenantMessage } from './tenant-message.ts';
import type { TenantRecord, TenantStore } from './tenant-store.ts';
import { watchTenants } from './watch-tenants.ts';

/** What the service works on. */
export type TenantServiceParts = {
  readonly store: Store;
  readonly tenants: TenantStore;
  readonly directory: TenantDirectory;
  readonly keeper: TenantKeeper;
  readonly desired: DesiredState;
  readonly platform: Platform;
  readonly commands: AgentCommands;
  readonly audit: AuditLog;
  readonly events: EventLog;
  readonly clock: Clock;
};

const DEFAULT_PAGE = 500;

const DEFAULT_TAIL = 100;

const programs: Record<number, LogProgram> = {
  [LogSource.AGENT]: 'agent',
  [LogSource.LAUNCHER]: 'launcher',
};

/** Serves the tenants. */
export function tenantService(parts: TenantServiceParts): ServiceImpl<typeof TenantService> {
  const { directory, desired, keeper, platform, store } = parts;
  const message = async (name: string) => ({ tenant: await tenantMessage(directory.get(name), desired) });
  desired.onChange((tenants) => directory.touch(tenants === 'all' ? directory.names() : tenants)); // what is wanted is part of what is watched
  return {
    async createTenant({ name, displayName, team, retention }, context) {
      const record: TenantRecord = {
        name,
        displayName,
        team,
        retention: retention === Retention.DELETE ? 'delete' : 'retain',
        createdAt: parts.clock.now(),
        deleting: false,
      };
      // One that is there already is told so below, without asking a bucket.
      if (directory.find(name) === undefined) await platform.assertFree(name);
      await createRecord(parts, record, actorOf(context));
      keeper.ensure(name);
      return message(name);
    },

    getTenant: ({ name }) => message(name),

    async listTenants({ team, pageSize, pageToken }) {
      const { entries, next } = directory.page({ team, after: pageToken, limit: pageSize || DEFAULT_PAGE });
      const tenants = await Promise.all(entries.map((entry) => tenantMessage(entry, desired)));
      return { tenants, nextPageToken: next };
    },

    async deleteTenant({ name }, context) {
      const actor = actorOf(context);
      directory.get(name);
      await store.transaction((change) => markDeleting(parts, change, name, actor));
      return keeper.remove(name);
    },

    async restartTenant({ name }, context) {
      directory.get(name);
      await recordAsked(parts, {
        name,
        actor: actorOf(context),
        action: 'tenant.restart',
        summary: 'restart asked for',
      });
      await parts.commands.restart(name);
      return {};
    },

    watchTenants({ name }, { signal }) {
      return watchTenants(parts, name, signal);
    },

    async *readTenantLogs({ name, source, tail, follow }, { signal }) {
      directory.get(name);
      yield {}; // proxies and clients see nothing of a stream before its first message
      const options = { program: programs[source] ?? 'openclaw', tail: tail || DEFAULT_TAIL, follow };
      for await (const lines of platform.readLogs(name, options, signal)) yield { lines: [...lines] };
    },

    async getTenantAccess({ name }, context) {
      directory.get(name);
      const access = await platform.access(name);
      const summary = 'sign-in handed out';
      await recordAsked(parts, { name, actor: actorOf(context), action: 'tenant.access', summary }); // before anyone has it
      return { ...access, shellEnvironment: { ...access.shellEnvironment } };
    },
  };
}

async function recordAsked(
  { store, audit }: TenantServiceParts,
  { name, ...entry }: { name: string; actor: string; action: string; summary: string },
): Promise<void> {
  await store.transaction((change) => audit.record(change, { ...entry, target: `tenant/${name}` }));
}

async function createRecord(parts: TenantServiceParts, record: TenantRecord, actor: string): Promise<void> {
  const { store, tenants, audit, events, directory } = parts;
  const { name, team, retention } = record;
  await store.transaction(async (change) => {
    await tenants.add(change, record);
    const summary = `created${team === '' ? '' : ` in team ${team}`}, data is ${retention === 'retain' ? 'kept' : 'removed'} after a delete`;
    await audit.record(change, { actor, action: 'tenant.create', target: `tenant/${name}`, summary });
    await events.record(change, { tenant: name, reason: 'TenantCreated', message: `created by ${actor}` });
    change.afterCommit(() => directory.add(record));
  });
}

/** Marks and records once; a delete that is asked for again only awaits its end. */
async function markDeleting(parts: TenantServiceParts, change: Change, name: string, actor: string): Promise<void> {
  const { tenants, audit, events, directory } = parts;
  if (!(await tenants.markDeleting(change, name))) return;
  const { retention } = directory.get(name).record;
  const summary = retention === 'retain' ? 'deleted, data kept' : 'deleted with its data';
  await audit.record(change, { actor, action: 'tenant.delete', target: `tenant/${name}`, summary });
  await events.record(change, { tenant: name, reason: 'TenantDeleting', message: `delete asked for by ${actor}` });
  change.afterCommit(() => directory.markDeleting(name));
}
