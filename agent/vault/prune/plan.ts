/**
 * What pruning removes, as pure functions.
 *
 *   manifests  up to the head: kept by the retention ──with all they descend from──▶ remain; the others go
 *   packs      up to the head: named by one that remains ──▶ remain; of a time that nobody can judge ──▶ remain; the others go
 *
 * What is beyond the head may be a snapshot that is being written now, and is left alone. A snapshot that is being written
 * builds on the newest one, and takes over only what that one's chain names.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import type { PackId } from '../../bucket/layout.ts';
import { type ManifestRef, sequenceOfPack } from '../format/object-ids.ts';
import { livedAges } from './lived-ages.ts';
import { keptSnapshots, type Retention } from './retention.ts';

/** A manifest in the bucket. */
export type ListedManifest = { readonly ref: ManifestRef; readonly bytes: number };

/** A pack in the bucket. */
export type ListedPack = { readonly id: PackId; readonly name: ObjectName; readonly bytes: number };

/** What becomes of the manifests up to the head. */
export type ManifestPlan = {
  readonly remaining: readonly ListedManifest[];
  /** No head ever named these. */
  readonly orphans: readonly ListedManifest[];
  /** Snapshots that go, by chain; those that descend from others come before them. */
  readonly going: readonly (readonly ListedManifest[])[];
  /** Number of the last manifest that others descend from and that is not there; 0 when there is none. */
  readonly missing: number;
  /** Time that does not count yet: a clock may have been ahead (lived-ages.ts). */
  readonly doubtedMillis: number;
};

/** What decides. */
export type PlanInput = {
  readonly manifests: readonly ListedManifest[];
  readonly newest: ManifestRef;
  readonly orphans: ReadonlySet<ObjectName>;
  readonly retention: Retention;
  readonly nowMillis: number;
  readonly pinned: ReadonlySet<ObjectName>;
};

/** Decides about manifests. */
export function planManifests({ manifests, newest, orphans, retention, nowMillis, pinned }: PlanInput): ManifestPlan {
  const listed = manifests.filter(({ ref }) => ref.sequence <= newest.sequence);
  const isOrphan = ({ ref }: ListedManifest) => orphans.has(ref.name) && !pinned.has(ref.name);
  const snapshots = listed.filter((one) => !isOrphan(one));
  const held = new Set([...pinned, newest.name]);
  const refs = snapshots.map(({ ref }) => ref);
  const { ages, doubtedMillis } = livedAges(refs, nowMillis);
  const aged = refs.map(({ name }, at) => ({ name, millis: 0, ageMillis: 0, ...ages[at] }));
  const kept = keptSnapshots(aged, retention, held);
  const remaining: ListedManifest[] = [];
  const going: ListedManifest[][] = [];
  let missing = 0;
  for (const [first, chain] of chainsOf(snapshots)) {
    const last = chain.findLast(({ ref }) => kept.has(ref.name))?.ref.sequence ?? -1;
    remaining.push(...chain.filter(({ ref }) => ref.sequence <= last));
    const rest = chain.filter(({ ref }) => ref.sequence > last).reverse();
    if (rest.length > 0) going.push(rest);
    missing = Math.max(missing, lastGap(first, last, chain));
  }
  return { remaining, orphans: listed.filter(isOrphan), going, missing, doubtedMillis };
}

/** Packs that nobody needs. `judged` is the last number of which it is not known what the manifests up to it need. */
export function planPacks(
  packs: readonly ListedPack[],
  named: ReadonlySet<PackId>,
  newest: ManifestRef,
  unjudged: number,
): ListedPack[] {
  return packs.filter(({ id }) => {
    const sequence = sequenceOfPack(id);
    return sequence > unjudged && sequence <= newest.sequence && !named.has(id);
  });
}

/**
 * Manifests that descend from one another, by the number of the full one that they begin with, each in the order of numbers. A
 * name tells how many it descends from, so this takes no reading.
 */
function chainsOf(manifests: readonly ListedManifest[]): Map<number, ListedManifest[]> {
  const chains = new Map<number, ListedManifest[]>();
  for (const manifest of manifests) {
    const first = manifest.ref.sequence - manifest.ref.depth;
    const chain = chains.get(first);
    if (chain) chain.push(manifest);
    else chains.set(first, [manifest]);
  }
  return chains;
}

/** The last number from `first` to `last` that a chain has not; 0 when it has all. */
function lastGap(first: number, last: number, chain: readonly ListedManifest[]): number {
  const numbers = new Set(chain.map(({ ref }) => ref.sequence));
  for (let sequence = last; sequence >= first; sequence -= 1) if (!numbers.has(sequence)) return sequence;
  return 0;
}
