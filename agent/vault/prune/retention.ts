/**
 * Which snapshots are kept, going by their age:
 *
 *   age    0 ──────────── all ──────────────── hourly ─────────────── daily ────────▶
 *   kept     every one     │ last of each hour  │ last of each day     │ none
 *
 * Hours and days are those of UTC. The last of a day is the last of its hour, so what a later rule wants, an earlier one has
 * kept: pruning often comes to the same as pruning once.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import type { Aged } from './lived-ages.ts';

/** Ages up to which snapshots are kept, in milliseconds. */
export type Retention = {
  readonly allMillis: number;
  readonly hourlyMillis: number;
  readonly dailyMillis: number;
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** All of a day, hourly for a week, daily for a month. */
export const DEFAULT_RETENTION: Retention = { allMillis: DAY, hourlyMillis: 7 * DAY, dailyMillis: 30 * DAY };

/** A snapshot, when it was taken, and how old it is. */
export type AgedSnapshot = Aged & { readonly name: ObjectName };

/** Which of these snapshots are kept; they are in the order of their numbers. The newest and the pinned ones always are. */
export function keptSnapshots(
  snapshots: readonly AgedSnapshot[],
  retention: Retention,
  pinned: ReadonlySet<ObjectName>,
): Set<ObjectName> {
  const { allMillis, hourlyMillis, dailyMillis } = retention;
  const kept = new Set<ObjectName>();
  for (const [at, { name, millis, ageMillis: age }] of snapshots.entries()) {
    const next = snapshots[at + 1]?.millis;
    const isLastOf = (period: number) => next === undefined || periodOf(next, period) !== periodOf(millis, period);
    const isKept =
      next === undefined ||
      pinned.has(name) ||
      age < allMillis ||
      (age < hourlyMillis && isLastOf(HOUR)) ||
      (age < dailyMillis && isLastOf(DAY));
    if (isKept) kept.add(name);
  }
  return kept;
}

/** Reads `all=1d,hourly=7d,daily=30d`; hours are written `36h`. `field` is the setting or option it came from. */
export function parseRetention(text: string, field: string): Retention {
  const match = /^all=(\d{1,5})([hd]),hourly=(\d{1,5})([hd]),daily=(\d{1,5})([hd])$/.exec(text);
  if (!match) {
    throw new OpenCraneError(
      'invalid_argument',
      'retention_invalid',
      `${JSON.stringify(text.slice(0, 100))} is no retention`,
      {
        field,
        mend: 'write it as all=1d,hourly=7d,daily=30d, with d for days and h for hours',
      },
    );
  }
  const [, all, allUnit, hourly, hourlyUnit, daily, dailyUnit] = match;
  return {
    allMillis: millisOf(all, allUnit),
    hourlyMillis: millisOf(hourly, hourlyUnit),
    dailyMillis: millisOf(daily, dailyUnit),
  };
}

function millisOf(count: string | undefined, unit: string | undefined): number {
  return Number(count) * (unit === 'h' ? HOUR : DAY);
}

function periodOf(millis: number, period: number): number {
  return Math.floor(millis / period);
}
