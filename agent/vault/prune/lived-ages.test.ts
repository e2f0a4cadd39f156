/** How old snapshots are, when the clock that says so may be wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { doubtInWords, livedAges } from './lived-ages.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const NOW = Date.UTC(2026, 10, 24, 13, 30);

/** One reading for each age in hours, the oldest first. `server`: whether the bucket's own server has told the same. */
function readings(hours: readonly number[], server = false) {
  return hours.map((hour) => ({
    clockMillis: NOW - hour * HOUR,
    ...(server && { serverMillis: NOW - hour * HOUR + 500 }),
  }));
}

const inHours = ({ ages }: ReturnType<typeof livedAges>) => ages.map(({ ageMillis }) => ageMillis / HOUR);
const week = Array.from({ length: 57 }, (_, at) => 168 - at * 3);

const rows = [
  { reason: 'without gaps an age is what it is', hours: [9, 6, 3, 1], ages: [9, 6, 3, 1] },
  { reason: 'a gap counts as six hours', hours: [105, 104, 4, 2], ages: [11, 10, 4, 2] },
  { reason: 'so does one before now, when the clock has jumped', hours: [9_601, 9_600], ages: [7, 6] },
  {
    reason: 'when snapshots span a week after it, it was lived through',
    hours: [9_600, ...week],
    ages: [9_600, ...week],
  },
  {
    reason: 'a tenant that is off at night is as old as it looks after a week and a bit',
    hours: [500, 484, 468, 452, 436, 420, ...Array.from({ length: 40 }, (_, at) => 400 - at * 10)],
    ages: undefined,
  },
] as const;
for (const { reason, hours, ages } of rows) {
  test(reason, () => {
    const got = inHours(livedAges(readings(hours), NOW));
    if (ages) assert.deepEqual(got, ages);
    else assert.ok((got[0] ?? 0) >= 300 && (got[0] ?? 0) <= hours[0], `${got[0]}`);
  });
}

test('the bucket’s own server vouches for a gap between snapshots', () => {
  assert.deepEqual(inHours(livedAges(readings([105, 104, 4, 2], true), NOW)), [105, 104, 4, 2]);
  const jumped = readings([9_600, 9_599, 1], true).map((one, at) => ({ ...one, serverMillis: NOW - (10 - at) * HOUR }));
  const [oldest = 0] = inHours(livedAges(jumped, NOW));
  assert.ok(oldest <= 16, `${oldest}: the server tells of ten hours`);
});

test('what does not count yet is told, when it is a day or more', () => {
  const { doubtedMillis } = livedAges(readings([9_601, 9_600]), NOW);
  assert.equal(doubtedMillis, 9_594 * HOUR);
  assert.match(doubtInWords(doubtedMillis)[0] ?? '', /^399 days .* do not count yet/);
  assert.deepEqual(doubtInWords(livedAges(readings([30, 20, 3]), NOW).doubtedMillis), []);
});

/** Snapshots every 2 s to 5 hours, and a clock that jumps ahead. */
const steps = fc.array(fc.integer({ min: 2_000, max: 5 * HOUR }), { minLength: 2, maxLength: 60 });
const jump = fc.integer({ min: 6 * HOUR, max: 4_000 * DAY });

test('a clock that jumps ahead makes nothing older by more than six hours, before the next snapshot and after some', () => {
  fc.assert(
    fc.property(steps, fc.nat(), jump, (between, where, size) => {
      const times = between.map((_, at) => NOW + between.slice(0, at + 1).reduce((sum, step) => sum + step, 0));
      const end = (times.at(-1) ?? NOW) + MINUTE;
      const place = where % (times.length + 1);
      const clocks = times.map((millis, at) => ({ clockMillis: millis + (at >= place ? size : 0) }));
      const { ages } = livedAges(clocks, end + size);
      for (const [at, { ageMillis }] of ages.entries()) {
        const age = end - (times[at] ?? 0);
        assert.ok(ageMillis <= age + 6 * HOUR, `${at} is ${ageMillis - age} ms too old`);
      }
    }),
  );
});

test('ages go down from snapshot to snapshot, and none is more than it looks', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400 * DAY), { maxLength: 60 }), fc.boolean(), (all, server) => {
      const hours = all.toSorted((a, b) => b - a).map((millis) => millis / HOUR);
      const { ages } = livedAges(readings(hours, server), NOW);
      for (const [at, { ageMillis, millis }] of ages.entries()) {
        assert.ok(ageMillis >= (ages[at + 1]?.ageMillis ?? 0) && ageMillis <= NOW - millis);
      }
    }),
  );
});
