import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TouchedPage } from '../snapshot/touched-pages.ts';
import { type Cadence, clean, dueAt, onBegun, onChange, onPostponed, onStored } from './cadence.ts';
import { impatient, isBeat, onKept, type Patience, waitUntil } from './heartbeat.ts';

const page = (beats: number, number = 7): TouchedPage => ({ database: 'state/openclaw.sqlite', page: number, beats });
const stored: Patience = { storedAt: 1_000, waits: 0 };
const MINUTE = 60_000;

const rows: { reason: string; patience: Patience; touched: readonly TouchedPage[] | undefined; until?: number }[] = [
  {
    reason: 'before the first snapshot nothing waits',
    patience: impatient,
    touched: [page(9)],
  },
  {
    reason: 'more than known pages changed',
    patience: stored,
    touched: undefined,
  },
  {
    reason: 'a page that was overwritten twice only is no beat yet',
    patience: stored,
    touched: [page(2)],
  },
  {
    reason: 'one ordinary page beside a beat is enough to end the wait',
    patience: stored,
    touched: [page(9), page(0, 8)],
  },
  {
    reason: 'a beat waits for a minute at first',
    patience: stored,
    touched: [page(3)],
    until: 1_000 + MINUTE,
  },
  {
    reason: 'and twice as long each time',
    patience: { storedAt: 1_000, waits: 3 },
    touched: [page(3), page(4, 8)],
    until: 1_000 + 8 * MINUTE,
  },
  {
    reason: 'two hours at most',
    patience: { storedAt: 1_000, waits: 12 },
    touched: [page(3)],
    until: 1_000 + 120 * MINUTE,
  },
];

for (const { reason, patience, touched, until } of rows) {
  test(reason, () => assert.equal(waitUntil(patience, touched), until));
}

test('only a snapshot for a heartbeat alone makes the next wait longer, and nothing makes it shorter', () => {
  const beat = onKept(stored, 5_000, true);
  assert.deepEqual(beat, { storedAt: 5_000, waits: 1 });
  assert.deepEqual(onKept(beat, 6_000, false), { storedAt: 6_000, waits: 1 });
});

/** Half a second of a look at most, as the loop takes it. */
const LOOK_MILLIS = 500;
/** What a change waits for by cadence.ts: for quiet, and for the distance between two snapshots; and then for two looks. */
const MOST_MILLIS = 2_500 + 2 * LOOK_MILLIS;
const HOUR = 60 * MINUTE;

const anyEvent = fc.record({
  afterMillis: fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constant(30_000), fc.integer({ min: 1, max: HOUR })),
  what: fc.oneof({ weight: 6, arbitrary: fc.constant('beat') }, { weight: 1, arbitrary: fc.constant('other') }),
});

/** The loop of snapshot-loop.ts with the real rules, in time of our own. Returns for how long each other change waited. */
function waitsOf(events: readonly { afterMillis: number; what: string }[]) {
  let cadence: Cadence = clean;
  let patience: Patience = impatient;
  let [beats, now, snapshots] = [0, 0, 0];
  let unstored: { what: string; at: number }[] = [];
  const waited: number[] = [];
  const lookUntil = (end: number) => {
    for (let due = dueAt(cadence, 0); due !== undefined && Math.max(due, now) < end; due = dueAt(cadence, 0)) {
      now = Math.max(due, now);
      cadence = onBegun(cadence, now);
      const found = unstored.some(({ what }) => what === 'other') ? undefined : unstored.map(() => page(beats));
      now += LOOK_MILLIS;
      const until = waitUntil(patience, found);
      if (until !== undefined && now < until) {
        cadence = onPostponed(cadence, until);
        continue;
      }
      if (found === undefined)
        waited.push(...unstored.filter(({ what }) => what === 'other').map(({ at }) => now - at));
      unstored = [];
      snapshots += 1;
      cadence = onStored(cadence);
      patience = onKept(patience, now, isBeat(found));
    }
    now = Math.max(now, end);
  };
  for (const { afterMillis, what } of events) {
    lookUntil(now + afterMillis);
    unstored.push({ what, at: now });
    beats += what === 'beat' ? 1 : 0;
    cadence = onChange(cadence, now);
  }
  lookUntil(now + 3 * HOUR);
  return { waited, snapshots, left: unstored.length };
}

test('whatever else changes is stored within seconds, however long a heartbeat waits', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const { waited, left } = waitsOf(events);
      assert.equal(waited.length, events.filter(({ what }) => what === 'other').length);
      for (const millis of waited) assert.ok(millis <= MOST_MILLIS, `a change waited for ${millis} ms`);
      assert.equal(left, 0, 'a heartbeat is stored some time');
    }),
  );
});

test('a day of nothing but a heartbeat every 30 s takes some twenty snapshots', () => {
  const day = Array.from({ length: 2_880 }, () => ({ afterMillis: 30_000, what: 'beat' }));
  const { snapshots } = waitsOf(day);
  assert.ok(snapshots > 12 && snapshots <= 25, `${snapshots} snapshots`);
});
