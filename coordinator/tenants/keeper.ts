/**
 * Keeps the platform in line with the tenants there are: each one runs, and one whose delete was asked for is removed,
 * also when the coordinator was killed in between.
 */
import { type BackoffOptions, backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, messageOf } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { timeOfDay } from '@opencrane/kit/program-end.ts';
import type { EventLog } from '../events/event-log.ts';
import type { GivenUpHoldings } from '../fence/given-up.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { RevisionStore } from '../revisions/revision-store.ts';
import type { Store } from '../store/store.ts';
import type { TenantDirectory } from './directory.ts';
import type { Platform, Removal } from './ports.ts';
import type { TenantStore } from './tenant-store.ts';

/** What the keeper works with. */
export type TenantKeeperParts = {
  readonly store: Store;
  readonly tenants: TenantStore;
  readonly revisions: RevisionStore;
  readonly receipts: ReceiptStore;
  readonly givenUp: GivenUpHoldings;
  readonly events: EventLog;
  readonly directory: TenantDirectory;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

type Ensuring = { readonly cancel: AbortController; readonly done: Promise<void> };

const RETRY: BackoffOptions = { firstMillis: 500, maxMillis: 30_000 };

/** The keeper. */
export class TenantKeeper implements Part {
  readonly name = 'tenant keeper';
  readonly #parts: TenantKeeperParts;
  readonly #ensuring = new Map<string, Ensuring>();
  readonly #removing = new Map<string, Promise<Removal>>();
  readonly #stop = new AbortController();

  constructor(parts: TenantKeeperParts) {
    this.#parts = parts;
  }

  /** Takes up every tenant where it was left. */
  start(): void {
    const { directory, platform, log } = this.#parts;
    platform.onTrouble((tenant, platformProblem, launcherProblem) =>
      directory.observe(tenant, { platformProblem, launcherProblem }),
    );
    for (const name of directory.names()) {
      if (directory.get(name).record.deleting) {
        this.remove(name).catch((err: unknown) => log.error({ err, tenant: name }, 'a delete could not be finished'));
      } else this.ensure(name);
    }
  }

  /** Ends trying to start tenants, and deletes that are under way, with which the next start goes on. What runs, runs on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { cancel } of this.#ensuring.values()) cancel.abort();
    await Promise.all([...this.#ensuring.values()].map(({ done }) => done));
    await Promise.allSettled(this.#removing.values());
  }

  /** Sees to it that a tenant runs, trying again until it does. */
  ensure(name: string): void {
    if (this.#ensuring.has(name)) return;
    const cancel = new AbortController();
    const done = this.#ensure(name, cancel.signal).finally(() => this.#ensuring.delete(name));
    this.#ensuring.set(name, { cancel, done });
  }

  /** Removes a tenant that is marked as being deleted; the second of two callers awaits the first one's removal. */
  remove(name: string): Promise<Removal> {
    const underWay = this.#removing.get(name);
    if (underWay !== undefined) return underWay;
    const removal = this.#remove(name).finally(() => this.#removing.delete(name));
    this.#removing.set(name, removal);
    return removal;
  }

  async #ensure(name: string, signal: AbortSignal): Promise<void> {
    const { directory, platform, clock, random, log } = this.#parts;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await platform.ensure(name);
        if (attempt > 0) directory.observe(name, { platformProblem: '' });
        return;
      } catch (err) {
        log.warn({ err, tenant: name, attempt }, 'a tenant could not be started');
        const restMillis = backoffMillis(attempt, RETRY, random);
        const nextTry = `next try at ${timeOfDay(clock.now() + restMillis)}`;
        directory.observe(name, { platformProblem: `cannot be started: ${messageOf(err)}; ${nextTry}` });
        await clock.sleep(restMillis, signal).catch(ignoreAbort);
      }
    }
  }

  async #remove(name: string): Promise<Removal> {
    const ensuring = this.#ensuring.get(name);
    ensuring?.cancel.abort();
    await ensuring?.done; // what is being started now would outlive the removal
    const removal = await this.#removeFromPlatform(name);
    await this.#forget(name, removal);
    return removal;
  }

  /** One that fails stays a tenant that is being deleted, and says why. */
  async #removeFromPlatform(name: string): Promise<Removal> {
    const { directory, platform } = this.#parts;
    const { retention } = directory.get(name).record;
    if (directory.get(name).observed.platformProblem !== '') directory.observe(name, { platformProblem: '' });
    try {
      return await platform.remove(name, retention, this.#stop.signal);
    } catch (cause) {
      const mend = 'delete it again to go on, or restart the coordinator';
      directory.observe(name, { platformProblem: `cannot be deleted: ${messageOf(cause)}; ${mend}` });
      throw cause;
    }
  }

  /** Removes what the database holds of a tenant, but for the audit log. */
  async #forget(name: string, removal: Removal): Promise<void> {
    const { store, tenants, revisions, receipts, givenUp, events, directory } = this.#parts;
    await store.transaction(async (change) => {
      // Whoever writes a revision of the tenant now has either committed it, or finds that the tenant is gone.
      await change.lock('revision');
      await revisions.removeTenant(change, name);
      await receipts.removeTenant(change, name);
      await givenUp.removeTenant(change, name);
      await events.removeTenant(change, name);
      await tenants.remove(change, name);
      await events.record(change, { tenant: name, reason: 'TenantDeleted', message: whatIsLeft(removal) });
      change.afterCommit(() => directory.remove(name));
    });
  }
}

function whatIsLeft({ retainedAt, retainedBucket }: Removal): string {
  const kept = [retainedAt, retainedBucket].filter((place) => place !== '');
  return kept.length === 0 ? 'its data was removed' : `its data is kept at ${kept.join(' and ')}`;
}

function ignoreAbort(thrown: unknown): void {
  if (!isAbort(thrown)) throw thrown;
}
