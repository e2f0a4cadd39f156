import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { certainTime, RetentionLoop } from './retention.ts';
import { silent } from './testing.ts';

const quick = { everyMillis: 1 };
const HOUR = 3_600_000;

test('what is old goes in batches with a pause after each, and what fails is tried again in an hour', async (t) => {
  const clock = new ManualClock(100 * HOUR);
  let [old, failing] = [1_200, true];
  const asked: string[] = [];
  const loop = new RetentionLoop({
    clock,
    newestAt: async () => undefined,
    log: silent,
    retained: [
      {
        what: 'broken',
        keptMillis: HOUR,
        async prune(before) {
          asked.push(`broken ${before / HOUR}`);
          if (failing) throw new Error('the database is away');
          return 0;
        },
      },
      {
        what: 'events',
        keptMillis: 30 * HOUR,
        async prune(before, most) {
          const count = Math.min(old, most);
          old -= count;
          asked.push(`events ${before / HOUR}: ${count}`);
          return count;
        },
      },
    ],
  });
  t.after(() => loop.stop());
  loop.start();
  const rests = (lines: number) =>
    awaitFact('the loop rests', () => asked.length === lines && clock.sleeping === 1, quick);
  await rests(2);
  clock.advance(100);
  await rests(3);
  clock.advance(100);
  await rests(4);
  assert.deepEqual(asked, ['broken 99', 'events 70: 500', 'events 70: 500', 'events 70: 200']);
  failing = false;
  clock.advance(HOUR - 200);
  await rests(4);
  clock.advance(200);
  await rests(6);
  assert.deepEqual(
    asked.slice(4).map((line) => line.split(' ')[0]),
    ['broken', 'events'],
  );
});

const DAY = 24 * HOUR;
const times = [
  {
    reason: 'a coordinator that goes on',
    newestAt: 100 * DAY,
    sinceMillis: HOUR,
    now: 100 * DAY + HOUR,
    is: 100 * DAY + HOUR,
  },
  { reason: 'the first start', newestAt: undefined, sinceMillis: 0, now: 100 * DAY, is: 100 * DAY },
  { reason: 'a clock that is ahead at the start', newestAt: 100 * DAY, sinceMillis: 0, now: 500 * DAY, is: 101 * DAY },
  {
    reason: 'a clock that jumps ahead later',
    newestAt: 100 * DAY,
    sinceMillis: 30 * DAY,
    now: 530 * DAY,
    is: 131 * DAY,
  },
  { reason: 'a clock that was ahead before', newestAt: 500 * DAY, sinceMillis: 0, now: 100 * DAY, is: 100 * DAY },
] as const;
for (const { reason, newestAt, sinceMillis, now, is } of times)
  test(`what is old: ${reason}`, () => assert.equal(certainTime(now, { newestAt, sinceMillis }), is));

test('a clock that is 400 days ahead removes what was old before, and nothing else', async (t) => {
  const clock = new ManualClock(500 * DAY);
  const asked: number[] = [];
  const prune = async (before: number) => {
    asked.push(before / DAY);
    return 0;
  };
  const retained = [{ what: 'events', keptMillis: 30 * DAY, prune }];
  const loop = new RetentionLoop({ retained, newestAt: async () => 100 * DAY, clock, log: silent });
  t.after(() => loop.stop());
  loop.start();
  await awaitFact('the loop rests', () => clock.sleeping === 1, quick);
  assert.deepEqual(asked, [71]);
});
