/**
 * When each snapshot was taken, as a pure function of what the clocks said: no single clock is believed.
 *
 *   numbers   1      2      3        4      5          for certain: each was taken after the one before it
 *   clocks    10:00  10:05  +400 d   10:15  10:20      4 contradicts 3: either 3 is ahead, or 4 and all after it are behind
 *   believed  10:00  10:05  10:15    10:15  10:20
 *
 * A clock that goes back leaves two explanations. Those before were *ahead*, when the clock had gone forward by as much before, or
 * when nothing speaks for the other one: clocks are put right more often than wrong. Those after are *behind*, when it goes
 * forward by as much later. When both fit, the one that distrusts fewer is taken. What is distrusted keeps its distances, and ends
 * as late as it can: it is never believed to be older than it is, so no retention removes it early.
 */

/** What is known of when a snapshot was taken. */
export type Reading = {
  /** What the clock of its writer said. */
  readonly clockMillis: number;
  /** When the bucket's own server took its manifest: not before the snapshot was taken. Undefined for a folder. */
  readonly serverMillis?: number | undefined;
};

/** A time, and whether it is the one that the clock said. */
export type Believed = { readonly millis: number; readonly isClock: boolean };

/** The believed times. */
export type Timeline = {
  /** In the order of the readings; no time is before the one before it. */
  readonly times: readonly Believed[];
  /** The time now, going by all that is known: this machine's clock may be wrong, too. */
  readonly presentMillis: number;
};

/** Clocks of two machines that are both right differ by less. */
const SLACK = 5 * 60_000;

/** What is trusted so far: places in the readings, whose clocks never go back. */
type Trusted = { readonly clocks: readonly number[]; readonly places: number[] };

/** Believes what is consistent. The readings are in the order of the snapshots' numbers; `nowMillis` is this machine's clock. */
export function believedTimes(readings: readonly Reading[], nowMillis: number): Timeline {
  const clocks = readings.map(boundedByServer);
  const trusted: Trusted = { clocks, places: [] };
  for (let place = 0; place < clocks.length; ) place = take(trusted, place);
  const presentMillis = presentAfter(trusted, nowMillis);
  return { times: spread(readings, trusted, presentMillis), presentMillis };
}

/** A clock that was ahead of the server's is wrong for certain: then it counts as the latest that it can have been. */
function boundedByServer({ clockMillis, serverMillis }: Reading): number {
  return serverMillis !== undefined && clockMillis > serverMillis + SLACK ? serverMillis : clockMillis;
}

/** Takes a reading in, or passes over those that are behind. Gives the place to go on with. */
function take(trusted: Trusted, place: number): number {
  const { clocks, places } = trusted;
  const clock = at(clocks, place);
  const step = lastClock(trusted) - clock;
  if (!(step > 0)) {
    places.push(place);
    return place + 1;
  }
  const ahead = aheadOf(trusted, clock);
  const behind = behindFrom(clocks, place, lastClock(trusted), step);
  if (behind !== undefined && (!ahead.fits || behind - place < ahead.count)) return behind;
  places.splice(places.length - ahead.count);
  places.push(place);
  return place + 1;
}

/** How many of the last trusted ones are ahead of a clock, and whether it had gone forward by as much before them. */
function aheadOf({ clocks, places }: Trusted, clock: number): { readonly count: number; readonly fits: boolean } {
  let first = places.length;
  while (first > 0 && at(clocks, places[first - 1]) > clock) first -= 1;
  const count = places.length - first;
  const step = at(clocks, places.at(-1)) - clock;
  const forward = first === 0 ? Number.NaN : at(clocks, places[first]) - at(clocks, places[first - 1]);
  return { count, fits: forward >= step };
}

/** The place at which a clock that had gone back by a step goes forward by as much again; undefined when it never does. */
function behindFrom(clocks: readonly number[], from: number, before: number, step: number): number | undefined {
  let back = from + 1;
  while (at(clocks, back) < before) back += 1;
  return at(clocks, back) - at(clocks, back - 1) >= step ? back : undefined;
}

/** This machine's clock counts as one more reading; but by itself it does not overthrow those that agree with one another. */
function presentAfter(trusted: Trusted, nowMillis: number): number {
  const { places } = trusted;
  const last = lastClock(trusted);
  if (!(last > nowMillis)) return nowMillis;
  const { count, fits } = aheadOf(trusted, nowMillis);
  if (!fits) return last;
  places.splice(places.length - count);
  return nowMillis;
}

/** Fills in what is not trusted: each run is moved so that it ends with the next trusted one. */
function spread(readings: readonly Reading[], { clocks, places }: Trusted, presentMillis: number): Believed[] {
  const times: Believed[] = [];
  let floor = Number.NEGATIVE_INFINITY;
  for (const next of [...places, readings.length]) {
    const isEnd = next === readings.length;
    const end = isEnd ? presentMillis : at(clocks, next);
    const shift = end - at(clocks, next - 1);
    for (let place = times.length; place < next; place += 1) {
      floor = Math.min(end, Math.max(floor, at(clocks, place) + shift));
      times.push({ millis: floor, isClock: floor === readings[place]?.clockMillis });
    }
    if (isEnd) break;
    floor = end;
    times.push({ millis: end, isClock: end === readings[next]?.clockMillis });
  }
  return times;
}

/** Not a number when nothing is trusted yet. */
function lastClock({ clocks, places }: Trusted): number {
  return at(clocks, places.at(-1));
}

function at(clocks: readonly number[], place: number | undefined): number {
  return (place === undefined ? undefined : clocks[place]) ?? Number.NaN;
}
