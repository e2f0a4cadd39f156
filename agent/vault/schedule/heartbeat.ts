/**
 * How long a heartbeat may wait: pure.
 *
 * An idle OpenClaw renews a lease of its own in its database every 30 s. Stored each time, that is 2,880 snapshots a day that
 * tell nothing new. So a change that only overwrites what was overwritten again and again may wait, twice as long each time:
 *
 *   look ──anything else, or a page that is no beat yet──▶ store it now
 *     └──beats only──▶ wait ──their time is over, or anything else changes──▶ store it, and wait twice as long the next time
 *
 * What a machine that dies loses by it is the time of the last beat, which means nothing once that OpenClaw is gone.
 */
import type { TouchedPage } from '../snapshot/touched-pages.ts';

/** What is remembered of what was stored. Moments are monotonic, in milliseconds. */
export type Patience = {
  /** When the newest snapshot was stored; undefined before the first. */
  readonly storedAt: number | undefined;
  /** How many were stored for a heartbeat alone. */
  readonly waits: number;
};

/** So many times in a row make a beat. */
const FEWEST_BEATS = 3;
const FIRST_WAIT_MILLIS = 60_000;
/** Twelve snapshots a day. */
const LONGEST_WAIT_MILLIS = 2 * 3_600_000;

/** Before anything was stored. */
export const impatient: Patience = { storedAt: undefined, waits: 0 };

/** Whether nothing but a heartbeat differs. */
export function isBeat(touched: readonly TouchedPage[] | undefined): boolean {
  return touched?.every(({ beats }) => beats >= FEWEST_BEATS) ?? false;
}

/** Until when what a look found may wait; undefined when it may not. */
export function waitUntil(
  { storedAt, waits }: Patience,
  touched: readonly TouchedPage[] | undefined,
): number | undefined {
  if (storedAt === undefined || !isBeat(touched)) return undefined;
  return storedAt + Math.min(LONGEST_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** waits);
}

/** When a snapshot was stored; `beatsOnly` says that it was for nothing but a heartbeat that had waited. */
export function onKept({ waits }: Patience, now: number, beatsOnly: boolean): Patience {
  const most = Math.ceil(Math.log2(LONGEST_WAIT_MILLIS / FIRST_WAIT_MILLIS));
  return { storedAt: now, waits: beatsOnly ? Math.min(waits + 1, most) : waits };
}

/** How many snapshots a tenant takes that does nothing but beat: on its first day, and on each later one. */
export function snapshotsOfADay(): { readonly first: number; readonly later: number } {
  const day = 86_400_000;
  let first = FEWEST_BEATS;
  for (let [at, wait] = [0, FIRST_WAIT_MILLIS]; at < day; at += wait, wait = Math.min(LONGEST_WAIT_MILLIS, wait * 2))
    first += 1;
  return { first, later: day / LONGEST_WAIT_MILLIS };
}
