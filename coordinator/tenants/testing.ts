/** The coordinator's inside for tests, on any store: everything real but the platform, the agents and the runtimes. */

import { ManualClock } from '@opencrane/kit/clock.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { blamedLayer } from '../config/blamed-layer.ts';
import { SecretMask } from '../config/secret-mask.ts';
import { EventLog } from '../events/event-log.ts';
import { CoordinatorWitness } from '../fence/coordinator-witness.ts';
import { GivenUpHoldings } from '../fence/given-up.ts';
import type { TroubleListener } from '../local-platform/troubles.ts';
import { TenantOffers } from '../offers/desired-state.ts';
import type { RuntimeOfTenant } from '../offers/ports.ts';
import { ReceiptStore } from '../receipts/receipt-store.ts';
import { RevisionStore } from '../revisions/revision-store.ts';
import { GroupCommit } from '../store/group-commit.ts';
import type { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { agentObserver } from './agent-observer.ts';
import { TenantKeeper } from './keeper.ts';
import { loadDirectory } from './load.ts';
import type { Platform, Removal, Retention } from './ports.ts';
import { TenantStore } from './tenant-store.ts';

/** A platform that remembers what it was asked, and fails where a test says so. */
class FakePlatform implements Platform {
  readonly asked: string[] = [];
  failEnsure: Error | undefined;
  failRemove: Error | undefined;
  /** Why no tenant may be created. */
  taken: Error | undefined;
  /** When set, removals wait for it. */
  holdRemove: Promise<void> | undefined;
  /** Tells trouble as a platform does. */
  troubled: TroubleListener = () => {};

  onTrouble(listener: TroubleListener): void {
    this.troubled = listener;
  }

  async ensure(tenant: string): Promise<void> {
    this.asked.push(`ensure ${tenant}`);
    if (this.failEnsure) throw this.failEnsure;
  }

  async assertFree(): Promise<void> {
    if (this.taken) throw this.taken;
  }

  async remove(tenant: string, retention: Retention, signal: AbortSignal): Promise<Removal> {
    this.asked.push(`remove ${tenant} ${retention}`);
    if (this.holdRemove !== undefined) {
      await this.holdRemove;
      signal.throwIfAborted();
    }
    if (this.failRemove) throw this.failRemove;
    if (retention === 'delete') return { retainedAt: '', retainedBucket: '', retainedKey: '' };
    return {
      retainedAt: `retained/${tenant}`,
      retainedBucket: `gs://${tenant}`,
      retainedKey: `retained/${tenant}/key`,
    };
  }

  async *readLogs(tenant: string, { program, tail }: { program: string; tail: number }) {
    yield [`${tenant} ${program} ${tail}`];
  }

  async access(tenant: string) {
    const url = `http://${tenant}`;
    return { url, token: 'secret', shellEnvironment: { PATH: '/bin' }, shellDirectory: '/' };
  }
}

/** Runtimes that a test decides. */
class FakeRuntimes {
  readonly desired = new Map<string, RuntimeOfTenant>();
  asked = 0;
  #listener: (tenants: 'all' | readonly string[]) => void = () => {};

  async forTenant(tenant: string): Promise<RuntimeOfTenant | undefined> {
    this.asked += 1;
    return this.desired.get(tenant);
  }

  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  tell(tenants: 'all' | readonly string[]): void {
    this.#listener(tenants);
  }
}

/** Puts everything together. */
export async function assemble(store: Store) {
  const clock = new ManualClock(1_000);
  const platform = new FakePlatform();
  const runtimes = new FakeRuntimes();
  const tenants = new TenantStore(store);
  const revisions = new RevisionStore(store, clock);
  const receipts = new ReceiptStore(store, clock);
  const givenUp = new GivenUpHoldings(store);
  const events = new EventLog(store, clock);
  const audit = new AuditLog(store, clock);
  const directory = await loadDirectory(tenants, receipts);
  const commits = new GroupCommit(store);
  const runtimeRequests = {
    request: async (tenant: string, version: string) => ({
      accepted: true,
      version,
      message: tenant,
      unchanged: false,
    }),
  };
  const parts = {
    store,
    clock,
    platform,
    runtimes,
    tenants,
    revisions,
    receipts,
    givenUp,
    events,
    audit,
    directory,
    commits,
  };
  return {
    ...parts,
    desired: new TenantOffers(parts),
    witness: new CoordinatorWitness({ ...parts, id: await givenUp.witnessId() }),
    observer: agentObserver({ ...parts, runtimeRequests, blamedLayer }),
    keeper: new TenantKeeper({ ...parts, random: () => 0.5, log: silent }),
    /** Nothing is said against any configuration. */
    check: { check: async () => [] },
    secrets: new SecretMask('a key'),
    /** Adds a tenant as CreateTenant does. */
    async addTenant(name: string, team = '', retention: Retention = 'retain') {
      const record = { name, displayName: name, team, retention, createdAt: clock.now(), deleting: false };
      await store.transaction((change) => tenants.add(change, record));
      directory.add(record);
    },
    /** The reasons of a tenant's kept events. */
    async reasons(tenant: string): Promise<string[]> {
      const { signal } = new AbortController();
      const followed = await Array.fromAsync(events.follow({ tenant, afterId: 0, follow: false }, signal));
      return followed.flatMap((one) => ('kept' in one ? [one.kept.reason] : []));
    },
  };
}
