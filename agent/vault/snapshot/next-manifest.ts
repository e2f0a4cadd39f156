/** What the next manifest of a vault will be: a full one or a delta, under which number and with which time. */
import { MAX_DEPTH, type ManifestFacts } from '../format/object-ids.ts';
import type { LoadedSnapshot } from '../tree/load-chain.ts';

/** By so much clocks are put right without anybody noticing. */
const SLEW_MILLIS = 1_000;

/**
 * The facts of the next manifest's name. A full one begins a chain: at first, when the chain is at its longest, when its
 * deltas are together longer than its full one, so that reading a chain never costs more than twice its full manifest, and on
 * a new day (UTC): the last snapshot of a day, which is kept for long, holds none of the days before.
 */
export function nextManifest(
  newest: Pick<LoadedSnapshot, 'ref' | 'fullBytes' | 'deltaBytes'> | undefined,
  nowMillis: number,
): ManifestFacts {
  if (!newest) return { sequence: 1, depth: 0, clockMillis: nowMillis };
  const { ref, fullBytes, deltaBytes } = newest;
  // A clock that is slowed down by a little is right all the while. One that was put back says so: then one of the two is wrong.
  const isSlowed = nowMillis <= ref.clockMillis && nowMillis > ref.clockMillis - SLEW_MILLIS;
  const clockMillis = isSlowed ? ref.clockMillis + 1 : nowMillis;
  const isNewDay = dayOf(clockMillis) !== dayOf(ref.clockMillis);
  const isFull = ref.depth >= MAX_DEPTH || deltaBytes > fullBytes || isNewDay;
  return { sequence: ref.sequence + 1, depth: isFull ? 0 : ref.depth + 1, clockMillis };
}

function dayOf(millis: number): number {
  return Math.floor(millis / 86_400_000);
}
