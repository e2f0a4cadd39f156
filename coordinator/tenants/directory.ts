/**
 * Every tenant with what was observed of it, in memory: asked for each message of each agent, and by everyone who
 * watches. It holds what the database holds, and besides that only what is true of now.
 */
import type { Health } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Kind, Progress, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Wakeup } from '../events/wakeup.ts';
import { type PhaseAndMessage, phaseOf } from './phase.ts';
import { type TenantRecord, tenantNotFound } from './tenant-store.ts';

/** What was observed of a tenant. */
export type Observation = {
  /** Session of the agent that is connected; empty when none is. */
  readonly session: string;
  /** When the agent was last heard; 0 when it never was. */
  readonly lastSeen: number;
  readonly health?: Health | undefined;
  /** While something long is under way. */
  readonly progress?: Progress | undefined;
  /** The newest receipt of each kind. */
  readonly receipts: ReadonlyMap<Kind, Receipt>;
  /** What is wrong with the tenant's programs as the platform sees them; empty when nothing is. */
  readonly platformProblem: string;
  /** The part of it that is about the launcher. */
  readonly launcherProblem: string;
};

/** A tenant, and what was observed of it. */
export type Entry = { readonly record: TenantRecord; readonly observed: Observation };

type Watcher = { readonly name: string; readonly changed: Set<string>; readonly bell: Wakeup };

/** A watch that is on. */
export type TenantWatch = {
  /** The names of tenants that changed, each once however often it did meanwhile; ends when the signal fires. */
  changes(signal: AbortSignal): AsyncGenerator<string>;
  stop(): void;
};

const nothingObserved: Observation = {
  session: '',
  lastSeen: 0,
  receipts: new Map(),
  platformProblem: '',
  launcherProblem: '',
};

/** The tenants. */
export class TenantDirectory {
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<Watcher>();
  readonly #added = new Set<(name: string) => void>();
  readonly #removed = new Set<(name: string) => void>();

  /** Adds a tenant that is in the database. */
  add(record: TenantRecord, observed: Partial<Observation> = {}): void {
    this.#entries.set(record.name, { record, observed: { ...nothingObserved, ...observed } });
    this.touch([record.name]);
    for (const listener of this.#added) listener(record.name);
  }

  /** Forgets a tenant that is no longer in the database. */
  remove(name: string): void {
    if (!this.#entries.delete(name)) return;
    this.touch([name]);
    for (const listener of this.#removed) listener(name);
  }

  /** A tenant; throws `not_found`. */
  get(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw tenantNotFound(name);
    return entry;
  }

  /** A tenant, if there is one. */
  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Every name, sorted. */
  names(): string[] {
    return [...this.#entries.keys()].sort();
  }

  /** A page of tenants by name. */
  page({ team, after, limit }: { team: string; after: string; limit: number }): { entries: Entry[]; next: string } {
    const matching = this.names()
      .filter((name) => name > after)
      .map((name) => this.get(name))
      .filter(({ record }) => team === '' || record.team === team);
    const entries = matching.slice(0, limit);
    return { entries, next: matching.length > limit ? (entries.at(-1)?.record.name ?? '') : '' };
  }

  /** The tenants of a team. */
  ofTeam(team: string): string[] {
    return this.names().filter((name) => this.get(name).record.team === team);
  }

  /** Notes what was observed and tells watchers. A tenant that is gone is left alone. */
  observe(name: string, seen: Partial<Observation>): void {
    if (this.#set(name, seen)) this.touch([name]);
  }

  /** Notes a sign of life, which is no news to watchers. */
  heard(name: string, at: number): void {
    this.#set(name, { lastSeen: at });
  }

  /** Notes that the agent that is connected has another session, which is no news to watchers. */
  renewed(name: string, session: string, at: number): void {
    this.#set(name, { session, lastSeen: at });
  }

  /** Notes that a delete was asked for. */
  markDeleting(name: string): void {
    const entry = this.get(name);
    this.#entries.set(name, { ...entry, record: { ...entry.record, deleting: true } });
    this.touch([name]);
  }

  /** Tells watchers that something of these tenants has changed. */
  touch(names: Iterable<string>): void {
    for (const name of names) {
      for (const watcher of this.#watchers) {
        if (watcher.name !== '' && watcher.name !== name) continue;
        watcher.changed.add(name);
        watcher.bell.wake();
      }
    }
  }

  /** Calls back after a tenant was added; returns how to stop. */
  onAdded(listener: (name: string) => void): () => void {
    this.#added.add(listener);
    return () => this.#added.delete(listener);
  }

  /** Calls back after a tenant is gone; returns how to stop. */
  onRemoved(listener: (name: string) => void): () => void {
    this.#removed.add(listener);
    return () => this.#removed.delete(listener);
  }

  /** Watches one tenant, or all when the name is empty, from the call on until it is stopped. */
  watch(name: string): TenantWatch {
    const watcher: Watcher = { name, changed: new Set(), bell: new Wakeup() };
    this.#watchers.add(watcher);
    return {
      changes: (signal) => changesOf(watcher, signal),
      stop: () => this.#watchers.delete(watcher),
    };
  }

  /** How many watch. */
  get watchers(): number {
    return this.#watchers.size;
  }

  #set(name: string, seen: Partial<Observation>): boolean {
    const entry = this.#entries.get(name);
    if (entry === undefined) return false;
    this.#entries.set(name, { ...entry, observed: { ...entry.observed, ...seen } });
    return true;
  }
}

async function* changesOf({ changed, bell }: Watcher, signal: AbortSignal): AsyncGenerator<string> {
  while (!signal.aborted) {
    for (const name of changed) {
      changed.delete(name);
      yield name;
    }
    await bell.wait(signal);
  }
}

/** The phase of a tenant. */
export function phaseOfEntry({ record, observed }: Entry): PhaseAndMessage {
  return phaseOf({
    deleting: record.deleting,
    // How an agent ended that is here again is no longer so.
    platformProblem: observed.session === '' ? observed.platformProblem : observed.launcherProblem,
    heard: observed.lastSeen > 0,
    connected: observed.session !== '',
    health: observed.health?.root,
    progress: observed.progress,
    receipts: [...observed.receipts.values()],
  });
}
