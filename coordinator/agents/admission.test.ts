import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import fc from 'fast-check';
import { Admission } from './admission.ts';

test('never more than the burst and what the rate has earned get in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000), { maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (waits, perSecond) => {
      const clock = new ManualClock();
      const admission = new Admission({ perSecond, burst: 5 }, clock, () => 0.5);
      let admitted = 0;
      for (const wait of waits) {
        clock.advance(wait);
        if (admission.ask().admitted) admitted += 1;
      }
      assert.ok(admitted <= 5 + (clock.monotonic() / 1000) * perSecond + 1e-6);
    }),
  );
});

test('a storm is spread over the time that the rate needs, and everybody gets in', () => {
  const clock = new ManualClock();
  let seed = 1;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const admission = new Admission({ perSecond: 100, burst: 100 }, clock, random);
  const arrivals = Array.from({ length: 2_000 }, () => 0);
  let refusals = 0;
  let last = 0;
  while (arrivals.length > 0) {
    arrivals.sort((a, b) => b - a);
    const at = arrivals.pop() ?? 0;
    clock.advance(Math.max(0, at - clock.monotonic()));
    const answer = admission.ask();
    if (answer.admitted) last = clock.monotonic();
    else {
      refusals += 1;
      arrivals.push(clock.monotonic() + answer.retryAfterMillis);
    }
  }
  assert.ok(last >= 19_000, `the rate was held: the last got in after ${last} ms`);
  assert.ok(last < 60_000, `and nobody waited without need: ${last} ms`);
  assert.ok(refusals < 10_000, `${refusals} refusals for 2,000 agents`);
});
