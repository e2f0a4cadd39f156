import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { RetentionLoop } from './retention.ts';
import { silent } from './testing.ts';

const quick = { everyMillis: 1 };
const HOUR = 3_600_000;

test('what is old goes in batches with a pause after each, and what fails is tried again in an hour', async (t) => {
  const clock = new ManualClock(100 * HOUR);
  let [old, failing] = [1_200, true];
  const asked: string[] = [];
  const loop = new RetentionLoop({
    clock,
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
