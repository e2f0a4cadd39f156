/**
 * How old snapshots are for a retention. A clock that is ahead while pruning runs must not make all of them old at once, and what
 * it looks like is a tenant that was off: time in which nothing was stored. So such time counts only when it was lived through:
 *
 *   ── snapshots ──┤      400 days without any      ├─ snapshots … ─▶ now
 *                    counts as 6 hours, until those after it span a week, or the bucket's own server tells of 400 days, too
 *
 * Without such gaps an age is what it is. Too young is no harm: more is kept, and that only until it is certain.
 */
import { believedTimes, type Reading } from '../history/believed-times.ts';

/** When a snapshot was taken, and how much of the time since has been lived through. */
export type Aged = { readonly millis: number; readonly ageMillis: number };

/** What a person should know of time that does not count yet; nothing, when that is less than a day. */
export function doubtInWords(doubtedMillis: number): string[] {
  const days = Math.floor(doubtedMillis / (24 * HOUR));
  if (days < 1) return [];
  return [
    `${days} days in which there was no snapshot do not count yet, since a clock that is wrong would look the same; they count when the snapshots after them span a week`,
  ];
}

/** The ages, in the order of the readings, and how much time does not count yet. */
export type Ages = { readonly ages: readonly Aged[]; readonly doubtedMillis: number };

const HOUR = 3_600_000;
/** A tenant that is used is not without a snapshot for longer, but at night. */
const GAP = 6 * HOUR;
/** Somebody has noticed by then that the clock is wrong. */
const PROOF = 7 * 24 * HOUR;
/** The clocks of the bucket's server and of this machine may differ by so much. */
const SLACK = 5 * 60_000;

/** Ages of snapshots, which are in the order of their numbers. `nowMillis` is this machine's clock. */
export function livedAges(readings: readonly Reading[], nowMillis: number): Ages {
  const { times, presentMillis } = believedTimes(readings, nowMillis);
  const ages: Aged[] = [];
  let [ageMillis, livedMillis, doubtedMillis] = [0, 0, 0];
  let next: Moment = { millis: presentMillis, serverMillis: undefined };
  for (let place = times.length - 1; place >= 0; place -= 1) {
    const moment: Moment = { millis: times[place]?.millis ?? next.millis, serverMillis: readings[place]?.serverMillis };
    const span = next.millis - moment.millis;
    const isCertain = livedMillis >= PROOF || serverSpan(moment, next) >= span - SLACK;
    const counts = isCertain ? span : Math.min(span, GAP);
    ageMillis += counts;
    doubtedMillis += span - counts;
    livedMillis += Math.min(span, GAP);
    ages.push({ millis: moment.millis, ageMillis });
    next = moment;
  }
  return { ages: ages.reverse(), doubtedMillis };
}

type Moment = { readonly millis: number; readonly serverMillis: number | undefined };

/** Not a number when the server tells of one of them only, or of none. */
function serverSpan(one: Moment, next: Moment): number {
  return (next.serverMillis ?? Number.NaN) - (one.serverMillis ?? Number.NaN);
}
