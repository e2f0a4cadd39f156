/**
 * Removes snapshots that the retention no longer keeps, and what uploads that were cut off have left.
 *
 *   head ▶ list ▶ plan ▶ read what would go and what remains ▶ orphans ▶ manifests, descendants first ▶ packs nobody names
 *
 * Killed anywhere, what is left is whole, and the next pruning goes on. What cannot be read is not removed: it may be mended,
 * so nothing goes that it may need.
 */
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import type { ReportProgress } from '../../appliers/applier.ts';
import { nothingSeen, StateArbiter } from '../../arbiter/state-arbiter.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { placeOf, prefixes } from '../../bucket/layout.ts';
import { checkedHead } from '../format/head.ts';
import { type ManifestRef, manifestRef } from '../format/object-ids.ts';
import { watchedBy } from '../loss/watched-by.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import type { Vault } from '../vault.ts';
import { NamedPacks } from './named-packs.ts';
import { findOrphans } from './orphans.ts';
import { type ListedManifest, type ListedPack, type ManifestPlan, planManifests, planPacks } from './plan.ts';
import type { Retention } from './retention.ts';

/** What to prune by. */
export type PruneRequest = {
  readonly retention: Retention;
  /** Snapshots that somebody needs at any age, such as states kept for the way back. */
  readonly pinned: ReadonlySet<ObjectName>;
  /** Only tell what would be removed. */
  readonly dryRun: boolean;
};

/** What pruning takes. */
export type PrunePorts = {
  /** Throws when this agent does not hold the tenant's lease; asked before each removal. */
  readonly assertHeld: () => void;
  readonly clock: Pick<Clock, 'now'>;
  /** Awaited after each step, as `prune:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly report: ReportProgress;
};

/** What was removed, or would be. */
export type Pruned = {
  readonly snapshots: number;
  readonly objects: number;
  readonly bytes: number;
  /** Snapshots that remain: those that are kept, and those that they descend from. */
  readonly keptSnapshots: number;
  /** Manifests that cannot be read. They, and packs of their time or before, are not removed. */
  readonly unreadable: readonly ObjectName[];
  /** Time by which snapshots are taken to be younger than they may be (lived-ages.ts). */
  readonly doubtedMillis: number;
};

/** Removals under way at once. */
const REMOVALS = 8;

type Plan = ManifestPlan & { readonly packs: readonly ListedPack[]; readonly unreadable: readonly ManifestRef[] };

/** For work that has no other way to be given up: it waits for a removal, which ends. */
const never = new AbortController().signal;

/** Prunes one vault, one time after the other. */
export class Pruner {
  readonly #vault: Vault;
  readonly #named: NamedPacks;
  readonly #arbiter: StateArbiter;

  /** `arbiter` is the tenant's; without one, nobody but the callers of this pruner is at the vault. */
  constructor(vault: Vault, arbiter = new StateArbiter({ seen: nothingSeen, clock: systemClock })) {
    this.#vault = vault;
    this.#named = new NamedPacks(vault);
    this.#arbiter = arbiter;
  }

  /** Prunes, when it is this one's turn. */
  prune(request: PruneRequest, ports: PrunePorts, signal: AbortSignal): Promise<Pruned> {
    const onWait = (what: string) => ports.report('wait', what);
    return this.#arbiter.during('prune', { signal, onWait }, () => this.#prune(request, ports, signal));
  }

  /** Does something with snapshots. Nothing is removed while it goes on. */
  reading<T>(work: () => Promise<T>): Promise<T> {
    return this.#arbiter.during('read', { signal: never }, work);
  }

  async #prune(request: PruneRequest, ports: PrunePorts, signal: AbortSignal): Promise<Pruned> {
    const head = await checkedHead(this.#vault, signal);
    if (!head?.newest)
      return { snapshots: 0, objects: 0, bytes: 0, keptSnapshots: 0, unreadable: [], doubtedMillis: 0 };
    const pinned = request.pinned.union(await watchedBy(this.#vault, head.newest, signal));
    const plan = await this.#plan(head.newest, { ...request, pinned }, ports, signal);
    await ports.onStep('prune:planned');
    if (!request.dryRun) {
      const onWait = (what: string) => ports.report('wait', what);
      await this.#arbiter.during('remove', { signal, onWait }, () => this.#remove(plan, ports, signal));
    }
    const objects = objectsOf(plan);
    return {
      snapshots: plan.going.flat().length,
      objects: objects.length,
      bytes: bytesOf(objects),
      keptSnapshots: plan.remaining.length,
      unreadable: plan.unreadable.map(({ name }) => name),
      doubtedMillis: plan.doubtedMillis,
    };
  }

  async #plan(
    newest: ManifestRef,
    { retention, pinned }: PruneRequest,
    { clock, report }: PrunePorts,
    signal: AbortSignal,
  ): Promise<Plan> {
    report('list', 'listing the vault');
    const packs = await this.#listPacks(signal);
    const manifests = await this.#listManifests(signal);
    const orphans = await findOrphans(
      this.#vault,
      manifests.map(({ ref }) => ref),
      newest,
      signal,
    );
    const plan = planManifests({ manifests, newest, orphans, retention, nowMillis: clock.now(), pinned });
    const upToHead = manifests.filter(({ ref }) => ref.sequence <= newest.sequence);
    const unreadable = await this.#read(upToHead, packs, report, signal);
    const readable = withoutUnreadable(plan, unreadable);
    const named = this.#named.namedBy(readable.remaining.map(({ ref }) => ref));
    const unjudged = unreadable.reduce((last, { sequence }) => Math.max(last, sequence), plan.missing);
    return { ...readable, unreadable, packs: planPacks(packs, named, newest, unjudged) };
  }

  async #read(
    manifests: readonly ListedManifest[],
    packs: readonly ListedPack[],
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<ManifestRef[]> {
    const lengths = new Map(manifests.map(({ ref, bytes }) => [ref, bytes]));
    const total = bytesOf(manifests);
    let done = 0;
    const onRead = (ref: ManifestRef) => {
      done += lengths.get(ref) ?? 0;
      report('read', `reading what ${manifests.length} snapshots need`, done, total);
    };
    return this.#named.load(
      [...lengths.keys()],
      packs.map(({ id }) => id),
      onRead,
      signal,
    );
  }

  async #remove(plan: Plan, ports: PrunePorts, signal: AbortSignal): Promise<void> {
    const { report, onStep } = ports;
    const objects = objectsOf(plan);
    const total = bytesOf(objects);
    let done = 0;
    const remove = async (name: ObjectName, bytes: number, step: string) => {
      ports.assertHeld();
      await this.#vault.bucket.delete(name, signal);
      done += bytes;
      report('remove', `removing ${objects.length} objects`, done, total);
      await onStep(step);
    };
    // While the snapshot after it is there, it can be told that one is an orphan.
    await mapConcurrently(plan.orphans, REMOVALS, ({ ref, bytes }) => remove(ref.name, bytes, 'prune:orphan'));
    await mapConcurrently(plan.going, REMOVALS, async (chain) => {
      for (const { ref, bytes } of chain) await remove(ref.name, bytes, 'prune:manifest');
    });
    await onStep('prune:manifests');
    await mapConcurrently(plan.packs, REMOVALS, ({ name, bytes }) => remove(name, bytes, 'prune:pack'));
    this.#named.keep(plan.remaining.map(({ ref }) => ref));
    await onStep('prune:done');
  }

  async #listManifests(signal: AbortSignal): Promise<ListedManifest[]> {
    const listed: ListedManifest[] = [];
    for await (const { name, bytes, serverMillis } of this.#vault.bucket.list(prefixes.manifest, signal)) {
      const ref = manifestRef(name, serverMillis);
      if (ref) listed.push({ ref, bytes });
    }
    return listed;
  }

  async #listPacks(signal: AbortSignal): Promise<ListedPack[]> {
    const listed: ListedPack[] = [];
    for await (const { name, bytes } of this.#vault.bucket.list(prefixes.pack, signal)) {
      const place = placeOf(name);
      if (place?.kind === 'pack') listed.push({ id: place.id, name, bytes });
    }
    return listed;
  }
}

/** What cannot be read remains. So do its ancestors: it would be of no use without them. */
function withoutUnreadable(plan: ManifestPlan, unreadable: readonly ManifestRef[]): ManifestPlan {
  const names = new Set(unreadable.map(({ name }) => name));
  const isReadable = ({ ref }: ListedManifest) => !names.has(ref.name);
  const remaining = [...plan.remaining, ...plan.orphans.filter((orphan) => !isReadable(orphan))];
  const going: ListedManifest[][] = [];
  for (const chain of plan.going) {
    const at = chain.findIndex((manifest) => !isReadable(manifest));
    const end = at < 0 ? chain.length : at;
    remaining.push(...chain.slice(end));
    if (end > 0) going.push(chain.slice(0, end));
  }
  return { ...plan, remaining, orphans: plan.orphans.filter(isReadable), going };
}

function objectsOf({ orphans, going, packs }: Plan): { readonly bytes: number }[] {
  return [...orphans, ...going.flat(), ...packs];
}

function bytesOf(objects: readonly { readonly bytes: number }[]): number {
  return objects.reduce((sum, { bytes }) => sum + bytes, 0);
}
