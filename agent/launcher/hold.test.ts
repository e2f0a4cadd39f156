import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import fc from 'fast-check';
import { type EndPhase, HoldWatch, holdPhase, newerHold, requireHeld } from './hold.ts';

const hold = { until: 22_500, drainMillis: 5_000, asOf: 0 };

const cases = [
  { reason: 'it runs while there is time for more than ending', now: 17_499, phase: 'held' },
  { reason: 'it is told to end early enough to be gone in time', now: 17_500, phase: 'ending' },
  { reason: 'up to its last moment it may end by itself', now: 22_499, phase: 'ending' },
  { reason: 'at the moment itself it is killed', now: 22_500, phase: 'over' },
  { reason: 'whoever slept past it has no time left', now: 1e9, phase: 'over' },
] as const;

for (const { reason, now, phase } of cases) {
  test(`after ${now} ms: ${reason}`, () => assert.equal(holdPhase(hold, now), phase));
}

/** A watch, and what it told. */
function watching() {
  const clock = new ManualClock();
  const told: [EndPhase, number][] = [];
  const watch = new HoldWatch(clock, (phase, leftMillis) => told.push([phase, leftMillis]));
  const pass = async (millis: number) => {
    for (let left = millis; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await new Promise(setImmediate);
    }
  };
  return { clock, watch, told, pass };
}

test('each phase is told once, at its time', async () => {
  const { watch, told, pass } = watching();
  watch.set(hold);
  await pass(17_400);
  assert.deepEqual(told, []);
  await pass(100);
  assert.deepEqual(told, [['ending', 5_000]]);
  await pass(5_000);
  assert.deepEqual(told, [
    ['ending', 5_000],
    ['over', 0],
  ]);
  await pass(60_000);
  assert.equal(told.length, 2);
});

test('one that is extended in time is never told of', async () => {
  const { watch, told, pass } = watching();
  for (let from = 0; from < 100_000; from += 10_000) {
    watch.set({ until: from + 22_500, drainMillis: 5_000, asOf: from });
    await pass(10_000);
  }
  assert.deepEqual(told, []);
  assert.equal(watch.phase, 'held');
});

test('who wakes up after its end tells of the end, with nothing left for ending', async () => {
  const { clock, watch, told } = watching();
  watch.set(hold);
  clock.advance(3_600_000);
  await new Promise(setImmediate);
  assert.deepEqual(told, [['over', 0]]);
});

test('the end that was slept through is told of, even when the first thing that is heard on waking is a new hold', async () => {
  const { clock, watch, told } = watching();
  watch.set(hold);
  await new Promise(setImmediate);
  const wake = clock.monotonic.bind(clock);
  clock.monotonic = () => wake() + 60_000; // the timers have not run yet
  watch.set({ until: 90_000, drainMillis: 5_000, asOf: 55_000 });
  assert.deepEqual(told, [['over', 0]]);
  assert.equal(watch.phase, 'held');
});

test('one that is withdrawn is told of before the caller is answered', () => {
  const { watch, told } = watching();
  watch.set(hold);
  watch.set({ until: 0, drainMillis: 5_000, asOf: 1 });
  assert.deepEqual(told, [['over', 0]]);
});

test('without a hold nothing ends', async () => {
  const { watch, told, pass } = watching();
  watch.set(hold);
  watch.clear();
  await pass(60_000);
  assert.deepEqual(told, []);
  assert.equal(watch.phase, 'held');
  requireHeld(watch.hold, 60_000);
});

test('nothing is started that would have to end at once', () => {
  requireHeld(hold, 17_499);
  assert.throws(() => requireHeld(hold, 17_500), { code: 'failed_precondition', reason: 'hold_over' });
});

test('a hold that was made before the one that counts changes nothing, however late it comes', () => {
  const { watch, told } = watching();
  const withdrawn = { until: 0, drainMillis: 0, asOf: 5_000 };
  watch.set(withdrawn);
  watch.set({ until: 60_000, drainMillis: 5_000, asOf: 4_990 });
  assert.equal(watch.hold, withdrawn);
  watch.set({ until: 60_000, drainMillis: 5_000, asOf: 5_000 }); // the clock has steps of 10 ms
  assert.equal(watch.hold, withdrawn);
  watch.set({ until: 60_000, drainMillis: 5_000, asOf: 5_010 });
  assert.equal(watch.phase, 'held');
  assert.equal(told.length, 1);
});

test('which of two counts does not depend on their order', () => {
  const anyHold = fc.record(
    { until: fc.nat(9), drainMillis: fc.constant(0), asOf: fc.nat(9) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(anyHold, anyHold, (one, other) => assert.deepEqual(newerHold(one, other), newerHold(other, one))),
  );
});

test('whatever the hold: time never leads back to a phase before', () => {
  const order = ['held', 'ending', 'over'];
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.array(fc.nat(), { minLength: 2 }), (until, drainMillis, moments) => {
      const phases = moments
        .toSorted((a, b) => a - b)
        .map((now) => order.indexOf(holdPhase({ until, drainMillis }, now)));
      assert.deepEqual(
        phases,
        phases.toSorted((a, b) => a - b),
      );
    }),
  );
});
