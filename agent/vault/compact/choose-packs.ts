/**
 * Which packs the newest snapshot should not need any more. Each snapshot leaves a small pack; some page of nearly every one is
 * never written again. So the newest snapshot would come to need as many packs as there ever were, and a restore as many requests.
 *
 *   crumbs  hold little that is needed: together they make one good pack
 *   sparse  hold more that is not needed than is: a restore reads it for nothing
 *
 * Measured on a model of 8,000 snapshots (5½ hours of steady writes), random and hot pages, databases of 10 MB to 1 GB: 26 to 285
 * packs are needed in place of 2,700 to 8,100, for 1.9 to 2.5 times the bytes written.
 */

/** How much of a pack is needed. Lengths are those of plain content. */
export type PackUse = { readonly pack: number; readonly neededBytes: number; readonly plainBytes: number };

const MIB = 1024 * 1024;
/** A pack that holds less than this is a crumb. A full one has 8 MiB. */
const CRUMB_BYTES = MIB;
/** So many crumbs are left to gather: what one pack costs a restore is a request, of which 16 are under way at once. */
const MOST_CRUMBS = 64;
/** Needed by less than this a pack is sparse. */
const SPARSE_SHARE = 1 / 2;
/** What sparse packs hold for nothing, of all that is needed, before something is done. Less would mean more moving. */
const MOST_WASTE_SHARE = 1 / 2;
/** Waste that is worth no moving. */
const LITTLE_WASTE_BYTES = 16 * MIB;
/** Moved out of sparse packs at once, so that no snapshot takes long. */
const MOST_MOVED_BYTES = 16 * MIB;

/** Chooses the packs to move everything out of; none most of the time. */
export function choosePacks(uses: readonly PackUse[]): Set<number> {
  const needed = uses.filter(({ neededBytes }) => neededBytes > 0);
  const crumbs = needed.filter(({ neededBytes }) => neededBytes < CRUMB_BYTES);
  const chosen = new Set(crumbs.length > MOST_CRUMBS ? crumbs.map(({ pack }) => pack) : []);
  const sparse = needed.filter((use) => use.neededBytes >= CRUMB_BYTES && share(use) < SPARSE_SHARE);
  const waste = sum(sparse, ({ plainBytes, neededBytes }) => plainBytes - neededBytes);
  const all = sum(needed, ({ neededBytes }) => neededBytes);
  if (waste <= Math.max(all * MOST_WASTE_SHARE, LITTLE_WASTE_BYTES)) return chosen;
  let moved = 0;
  for (const { pack, neededBytes } of sparse.sort((a, b) => share(a) - share(b))) {
    if (moved >= MOST_MOVED_BYTES) break;
    moved += neededBytes;
    chosen.add(pack);
  }
  return chosen;
}

function share({ neededBytes, plainBytes }: PackUse): number {
  return neededBytes / plainBytes;
}

function sum(uses: readonly PackUse[], of: (use: PackUse) => number): number {
  return uses.reduce((total, use) => total + of(use), 0);
}
