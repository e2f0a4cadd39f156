/** When snapshots were taken, whatever the clocks said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { believedTimes, type Reading } from './believed-times.ts';

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
const START = Date.UTC(2026, 9, 1, 10);

/** Minutes after the start, for rows that are easy to read. */
function believed(minutes: readonly number[], now: number): { minutes: number[]; isClock: boolean[]; present: number } {
  const readings = minutes.map((minute) => ({ clockMillis: START + minute * MINUTE }));
  const { times, presentMillis } = believedTimes(readings, START + now * MINUTE);
  const inMinutes = (millis: number) => (millis - START) / MINUTE;
  return {
    minutes: times.map(({ millis }) => inMinutes(millis)),
    isClock: times.map(({ isClock }) => isClock),
    present: inMinutes(presentMillis),
  };
}

const AHEAD = 400 * 1440;

const rows: { reason: string; clocks: number[]; now: number; minutes?: number[]; present?: number }[] = [
  { reason: 'no snapshots', clocks: [], now: 0 },
  { reason: 'clocks that go on are believed', clocks: [0, 5, 10, 15], now: 20 },
  {
    reason: '400 days ahead for one snapshot, then right again',
    clocks: [0, 5, AHEAD + 10, 15, 20],
    now: 25,
    minutes: [0, 5, 15, 15, 20],
  },
  {
    reason: 'and before the next one is taken: this machine’s clock fits those before, so that one is not believed',
    clocks: [0, 5, AHEAD + 10],
    now: 12,
    minutes: [0, 5, 12],
  },
  {
    reason: 'ahead for several: they keep their distances',
    clocks: [0, 5, AHEAD + 10, AHEAD + 15, AHEAD + 25, 30, 35],
    now: 40,
    minutes: [0, 5, 15, 20, 30, 30, 35],
  },
  {
    reason: 'ahead from the beginning',
    clocks: [AHEAD, AHEAD + 5, 10, 15],
    now: 20,
    minutes: [5, 10, 10, 15],
  },
  {
    reason: 'a clock that lost its battery, and was put right: those before are not of 1970',
    clocks: [0, 5, -AHEAD + 10, -AHEAD + 12, 15, 20],
    now: 25,
    minutes: [0, 5, 13, 15, 15, 20],
  },
  {
    reason: 'a quarter of an hour behind for one',
    clocks: [0, 5, 10, 0, 20, 25],
    now: 30,
    minutes: [0, 5, 10, 20, 20, 25],
  },
  {
    reason: 'what earlier versions wrote after a clock was ahead is of the time at which the first true one comes',
    clocks: [0, 5, AHEAD, AHEAD + 0.001, AHEAD + 0.002, 30],
    now: 35,
    minutes: [0, 5, 30, 30, 30, 30].map((minute, at) => (at === 2 ? 30 - 0.002 : at === 3 ? 30 - 0.001 : minute)),
  },
  {
    reason: 'a reader whose own clock is in 1970 overthrows nothing',
    clocks: [0, 5, 10],
    now: -AHEAD,
    present: 10,
  },
  { reason: 'a reader whose own clock is ahead changes nothing', clocks: [0, 5, 10], now: AHEAD },
  {
    reason: 'a night between: ahead for a while in the morning is no reason to distrust what came before it',
    clocks: [0, 5, 600, 605, 1_000, 610, 615],
    now: 620,
    minutes: [0, 5, 600, 605, 610, 610, 615],
  },
  {
    reason: 'a night after: what was put right in the evening is not taken for the wrong one',
    clocks: [0, 5, 130, 15, 20, 25, 700, 705],
    now: 710,
    minutes: [0, 5, 15, 15, 20, 25, 700, 705],
  },
];

for (const { reason, clocks, now, minutes = clocks, present = now } of rows) {
  test(reason, () => {
    const got = believed(clocks, now);
    const round = (all: readonly number[]) => all.map((minute) => Math.round(minute * 60_000));
    assert.deepEqual(round(got.minutes), round(minutes));
    assert.equal(got.present, present);
    assert.deepEqual(
      got.isClock,
      clocks.map((clock, at) => Math.round((minutes[at] ?? 0) * 60_000) === Math.round(clock * 60_000)),
    );
  });
}

test('the bucket’s own server tells of a clock that is ahead, also of the newest and of all', () => {
  const server = (minute: number) => START + minute * MINUTE;
  const readings = [0, 5, 10].map((minute) => ({ clockMillis: server(minute + AHEAD), serverMillis: server(minute) }));
  const { times } = believedTimes(readings, server(AHEAD + 11));
  assert.deepEqual(
    times.map(({ millis }) => (millis - START) / MINUTE),
    [0, 5, 10],
  );
});

test('a bucket that was copied is of the time at which it was copied, which says nothing against the clocks', () => {
  const readings = [0, 5, 10].map((minute) => ({ clockMillis: START + minute * MINUTE, serverMillis: START + DAY }));
  const { times } = believedTimes(readings, START + DAY);
  assert.ok(times.every(({ isClock }) => isClock));
});

/** A history by a clock that is right: a snapshot every so often. */
const steps = fc.array(fc.integer({ min: SECOND, max: 10 * MINUTE }), { minLength: 3, maxLength: 60 });
const far = fc.integer({ min: DAY, max: 4_000 * DAY });
const anywhere = fc.integer({ min: -4_000 * DAY, max: 4_000 * DAY });

function historyOf(between: readonly number[]): number[] {
  let millis = START;
  return between.map((step) => {
    millis += step;
    return millis;
  });
}

const asReadings = (clocks: readonly number[]): Reading[] => clocks.map((clockMillis) => ({ clockMillis }));

test('whatever the clocks say, no snapshot is older than the one before it, and none is of the future', () => {
  fc.assert(
    fc.property(fc.array(anywhere, { maxLength: 40 }), anywhere, (offsets, now) => {
      const { times, presentMillis } = believedTimes(asReadings(offsets.map((each) => START + each)), START + now);
      assert.equal(times.length, offsets.length);
      for (const [at, { millis }] of times.entries()) {
        assert.ok(Number.isFinite(millis));
        assert.ok(millis >= (times[at - 1]?.millis ?? millis) && millis <= presentMillis);
      }
    }),
  );
});

test('one clock that is wrong, by however much, never moves another time by more than that', () => {
  fc.assert(
    fc.property(steps, fc.nat(), anywhere, fc.boolean(), (between, where, error, isNow) => {
      const truth = historyOf(between);
      const place = where % truth.length;
      const clocks = truth.map((millis, at) => (at === place && !isNow ? millis + error : millis));
      const end = (truth.at(-1) ?? START) + SECOND;
      const { times } = believedTimes(asReadings(clocks), isNow ? end + error : end);
      for (const [at, { millis }] of times.entries())
        assert.ok(Math.abs(millis - (truth[at] ?? 0)) <= Math.abs(error), `${at}: ${millis - (truth[at] ?? 0)}`);
    }),
  );
});

test('a clock that is days off for a while and then right again: every other time is exact, and those are within their place', () => {
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(), far, fc.boolean(), (between, one, other, size, isAhead) => {
      const truth = historyOf(between);
      const [from, to] = [one % truth.length, other % truth.length].toSorted((a, b) => a - b);
      const isOff = (at: number) => at >= (from ?? 0) && at < (to ?? 0) && (isAhead || at > 0);
      const clocks = truth.map((millis, at) => (isOff(at) ? millis + (isAhead ? size : -size) : millis));
      const { times } = believedTimes(asReadings(clocks), (truth.at(-1) ?? START) + SECOND);
      for (const [at, { millis, isClock }] of times.entries()) {
        const error = millis - (truth[at] ?? 0);
        if (isOff(at)) assert.ok(error >= 0 && error <= 10 * MINUTE, `${at} is off by ${error}`);
        else assert.deepEqual([error, isClock], [0, true], `${at}`);
      }
    }),
  );
});

test('after that, pruning whatever it likes but the newest takes nothing of it back', () => {
  fc.assert(
    fc.property(
      steps,
      fc.nat(),
      fc.nat(),
      far,
      fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
      (...drawn) => {
        const [between, one, other, size, stays] = drawn;
        const truth = historyOf(between);
        const [from, to] = [one % truth.length, other % truth.length].toSorted((a, b) => a - b);
        const all = truth.map((millis, at) => ({ truth: millis, isOff: at >= (from ?? 0) && at < (to ?? 0) }));
        const left = all.filter((_, at) => stays[at] || at === truth.length - 1);
        const clocks = left.map((each) => each.truth + (each.isOff ? size : 0));
        const { times } = believedTimes(asReadings(clocks), (truth.at(-1) ?? START) + SECOND);
        for (const [at, each] of left.entries()) {
          const error = (times[at]?.millis ?? 0) - each.truth;
          if (each.isOff) assert.ok(error >= 0 && error <= HOUR * 10, `${at} is off by ${error}`);
          else assert.equal(error, 0, `${at}`);
        }
      },
    ),
  );
});
