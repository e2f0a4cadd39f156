import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newManifestRef } from '../format/object-ids.ts';
import { seededRandom } from '../testing.ts';
import { type AgedSnapshot, DEFAULT_RETENTION, keptSnapshots, parseRetention, type Retention } from './retention.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 24, 13, 30);
const none = new Set<never>();

/** One for each age at a time, the oldest first. */
function snapshotsOf(ages: readonly number[], now = NOW): AgedSnapshot[] {
  const random = seededRandom('retention');
  return ages.map((age, at) => {
    const { name } = newManifestRef({ sequence: at + 1, depth: 0, clockMillis: NOW - age }, random);
    return { name, millis: NOW - age, ageMillis: age + now - NOW };
  });
}

/** Their ages. */
function keptAges(ages: readonly number[], retention: Retention = DEFAULT_RETENTION): number[] {
  const snapshots = snapshotsOf(ages);
  const kept = keptSnapshots(snapshots, retention, none);
  return snapshots.filter(({ name }) => kept.has(name)).map(({ millis }) => NOW - millis);
}

const rows: { reason: string; ages: number[]; kept: number[] }[] = [
  { reason: 'a vault without snapshots keeps none', ages: [], kept: [] },
  { reason: 'the newest is kept, however old it is', ages: [4000 * DAY, 3000 * DAY], kept: [3000 * DAY] },
  { reason: 'all of a day are kept', ages: [DAY - 1, DAY - 2, DAY - 3, 0], kept: [DAY - 1, DAY - 2, DAY - 3, 0] },
  {
    reason: 'of an hour before that, the last is kept',
    // 13:30 is now; two days ago, 12:10, 12:20, 12:59:59.999, 13:00
    ages: [2 * DAY + 80 * MINUTE, 2 * DAY + 70 * MINUTE, 2 * DAY + 30 * MINUTE + 1, 2 * DAY + 30 * MINUTE, 0],
    kept: [2 * DAY + 30 * MINUTE + 1, 2 * DAY + 30 * MINUTE, 0],
  },
  {
    reason: 'of a day before that, the last is kept',
    // 00:00, 12:00 and 23:59 ten days ago, 00:00 nine days ago
    ages: [10 * DAY + 13.5 * HOUR, 10 * DAY + 1.5 * HOUR, 9 * DAY + 13.5 * HOUR + MINUTE, 9 * DAY + 13.5 * HOUR, 0],
    kept: [9 * DAY + 13.5 * HOUR + MINUTE, 9 * DAY + 13.5 * HOUR, 0],
  },
  { reason: 'after a month none is kept', ages: [40 * DAY, 30 * DAY, 30 * DAY - 1, 0], kept: [30 * DAY - 1, 0] },
];

for (const { reason, ages, kept } of rows) test(reason, () => assert.deepEqual(keptAges(ages), kept));

test('a pinned one is kept at any age', () => {
  const snapshots = snapshotsOf([100 * DAY, 90 * DAY, 0]);
  const [old] = snapshots;
  assert.ok(old);
  const kept = keptSnapshots(snapshots, DEFAULT_RETENTION, new Set([old.name]));
  assert.deepEqual([...kept], [old.name, snapshots[2]?.name]);
});

const ages = fc.uniqueArray(fc.oneof(fc.nat(40 * DAY), fc.nat(2 * DAY), fc.nat(2 * HOUR)), { maxLength: 80 });
const retentions = fc.record({
  allMillis: fc.nat(2 * DAY),
  hourlyMillis: fc.nat(10 * DAY),
  dailyMillis: fc.nat(40 * DAY),
});

test('pruning at any times comes to the same as pruning once', () => {
  fc.assert(
    fc.property(ages, retentions, fc.array(fc.nat(40 * DAY), { maxLength: 6 }), (all, retention, delays) => {
      const sorted = all.toSorted((a, b) => b - a);
      const newest = snapshotsOf(sorted).at(-1)?.name;
      let left = new Set(snapshotsOf(sorted).map(({ name }) => name));
      let now = NOW;
      for (const delay of [0, ...delays.toSorted((a, b) => a - b)]) {
        now = NOW + delay;
        const there = snapshotsOf(sorted, now).filter(({ name }) => left.has(name));
        left = keptSnapshots(there, retention, none);
        if (newest !== undefined) assert.ok(left.has(newest));
      }
      assert.deepEqual([...left], [...keptSnapshots(snapshotsOf(sorted, now), retention, none)]);
    }),
  );
});

test('every hour and every day that has a snapshot within its time keeps one', () => {
  fc.assert(
    fc.property(ages, retentions, (all, retention) => {
      const sorted = all.toSorted((a, b) => b - a);
      const kept = keptAges(sorted, retention);
      const has = (period: number, age: number) =>
        kept.some((other) => Math.floor((NOW - other) / period) === Math.floor((NOW - age) / period));
      for (const age of sorted) {
        if (age < retention.allMillis) assert.ok(kept.includes(age));
        if (age < retention.hourlyMillis) assert.ok(has(HOUR, age));
        if (age < retention.dailyMillis) assert.ok(has(DAY, age));
      }
    }),
  );
});

test('a retention is read as it is written, and anything else is refused with the way to write it', () => {
  assert.deepEqual(parseRetention('all=1d,hourly=7d,daily=30d', 'x'), DEFAULT_RETENTION);
  assert.deepEqual(parseRetention('all=2h,hourly=36h,daily=0d', 'x'), {
    allMillis: 2 * HOUR,
    hourlyMillis: 36 * HOUR,
    dailyMillis: 0,
  });
  for (const text of [
    '',
    'all=1d',
    'all=-1d,hourly=7d,daily=30d',
    'all=1d,hourly=7d,daily=30d ',
    'all=1w,hourly=1d,daily=1d',
  ])
    assert.throws(() => parseRetention(text, 'RETENTION'), { reason: 'retention_invalid', field: 'RETENTION' });
});
