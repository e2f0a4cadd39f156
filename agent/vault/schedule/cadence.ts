/**
 * When a snapshot is due, as a pure function of what was seen.
 *
 *   clean ──a change──▶ dirty ──quiet for a moment, or dirty for long──▶ snapshot ──stored──▶ clean, or dirty by what came meanwhile
 *                         ▲                                                 ├──failed──▶ dirty, after a rest
 *                                                                           └──a heartbeat alone──▶ waiting (heartbeat.ts)
 *
 * The time a change may wait, and the time a snapshot takes, add up to what a dead machine loses. The goal is 5 s.
 */
import { type BackoffOptions, backoffCeiling } from '@opencrane/kit/backoff.ts';

/** What is known. Moments are monotonic, in milliseconds. */
export type Cadence = {
  /** When the first change came that is not in a stored snapshot; undefined when there is none. */
  readonly dirtySince: number | undefined;
  /** Until when a heartbeat that was seen and not stored may wait; undefined when there is none. */
  readonly waitsUntil: number | undefined;
  /** When the last change came. */
  readonly changedAt: number;
  /** When the last snapshot began, stored or not; undefined before the first. */
  readonly beganAt: number | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** When the last failure came. */
  readonly failedAt: number;
};

/** A change that nothing follows for this long is taken. Turns of a conversation write in bursts of some 100 ms. */
const QUIET_MILLIS = 500;
/** A change waits for quiet at most this long. With a snapshot of 2 s that keeps to the goal of 5 s. */
const MOST_WAIT_MILLIS = 2_000;
/** Between the beginnings of two snapshots, so that steady writes cost a bounded number of objects. */
const LEAST_INTERVAL_MILLIS = 2_500;
/** Rests after failures. The bucket is asked by every tenant of a fleet when it comes back. */
const RETRY: BackoffOptions = { firstMillis: 1_000, maxMillis: 15_000 };

/** Before anything was seen. */
export const clean: Cadence = {
  dirtySince: undefined,
  waitsUntil: undefined,
  changedAt: 0,
  beganAt: undefined,
  failures: 0,
  failedAt: 0,
};

/** After a change. */
export function onChange(cadence: Cadence, now: number): Cadence {
  return { ...cadence, dirtySince: cadence.dirtySince ?? now, changedAt: now };
}

/** When a snapshot begins. What changes from now on may be in it, and may not. */
export function onBegun(cadence: Cadence, now: number): Cadence {
  return { ...cadence, beganAt: now };
}

/** When the snapshot that began last is in the bucket. */
export function onStored(cadence: Cadence): Cadence {
  return { ...onLooked(cadence), waitsUntil: undefined };
}

/** When the look that began last found a heartbeat alone, which may wait until then. */
export function onPostponed(cadence: Cadence, until: number): Cadence {
  return { ...onLooked(cadence), waitsUntil: until };
}

/** What came since the look began is still to be looked at. */
function onLooked(cadence: Cadence): Cadence {
  const { beganAt, changedAt, dirtySince } = cadence;
  const isDirty = dirtySince !== undefined && beganAt !== undefined && changedAt >= beganAt;
  return { ...cadence, dirtySince: isDirty ? Math.max(dirtySince, beganAt) : undefined, failures: 0 };
}

/** When it failed. */
export function onFailed(cadence: Cadence, now: number): Cadence {
  return { ...cadence, failures: cadence.failures + 1, failedAt: now };
}

/** When the next snapshot is due; undefined while nothing changed. `random` is in [0, 1). */
export function dueAt(cadence: Cadence, random: number): number | undefined {
  const { dirtySince, waitsUntil, changedAt, beganAt, failures, failedAt } = cadence;
  if (dirtySince === undefined && waitsUntil === undefined) return undefined;
  const quiet = dirtySince === undefined ? Infinity : Math.min(changedAt + QUIET_MILLIS, dirtySince + MOST_WAIT_MILLIS);
  const settled = Math.min(quiet, waitsUntil ?? Infinity);
  const spaced = beganAt === undefined ? settled : Math.max(settled, beganAt + LEAST_INTERVAL_MILLIS);
  if (failures === 0) return spaced;
  return Math.max(spaced, failedAt + backoffCeiling(failures - 1, RETRY) * (0.5 + random / 2));
}

/**
 * How much a machine that dies now loses: the age of the oldest change that is not in the bucket, in milliseconds. A heartbeat
 * is none while it may wait.
 */
export function unsavedMillis({ dirtySince, waitsUntil }: Cadence, now: number): number {
  return Math.max(0, now - Math.min(dirtySince ?? Infinity, waitsUntil ?? Infinity));
}
