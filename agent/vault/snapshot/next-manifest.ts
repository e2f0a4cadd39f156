/** What the next manifest of a vault will be: a full one or a delta, under which number and for which time. */
import type { ManifestRef } from '../format/object-ids.ts';
import { MAX_DEPTH } from '../format/object-ids.ts';
import type { LoadedSnapshot } from '../tree/load-chain.ts';

/**
 * The facts of the next manifest's name. A full one begins a chain: at first, when the chain is at its longest, when its
 * deltas are together longer than its full one, so that reading a chain never costs more than twice its full manifest, and on
 * a new day (UTC): the last snapshot of a day, which is kept for long, holds none of the days before.
 */
export function nextManifest(
  newest: Pick<LoadedSnapshot, 'ref' | 'fullBytes' | 'deltaBytes'> | undefined,
  nowMillis: number,
): Omit<ManifestRef, 'name'> {
  if (!newest) return { sequence: 1, depth: 0, takenAtMillis: nowMillis };
  const { ref, fullBytes, deltaBytes } = newest;
  // A clock that was put back must not make a later snapshot the earlier one.
  const takenAtMillis = Math.max(nowMillis, ref.takenAtMillis + 1);
  const isNewDay = dayOf(takenAtMillis) !== dayOf(ref.takenAtMillis);
  const isFull = ref.depth >= MAX_DEPTH || deltaBytes > fullBytes || isNewDay;
  return { sequence: ref.sequence + 1, depth: isFull ? 0 : ref.depth + 1, takenAtMillis };
}

function dayOf(millis: number): number {
  return Math.floor(millis / 86_400_000);
}
