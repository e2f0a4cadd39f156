import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextStep, restAfter } from './next-step.ts';

const steps = [
  { reason: 'what does not live is started', pid: 0, startedWith: undefined, wanted: undefined, step: 'start' },
  {
    reason: 'what died is started, whatever it was started with',
    pid: 0,
    startedWith: 'a',
    wanted: 'a',
    step: 'start',
  },
  {
    reason: 'what lives is adopted: a second one must never run',
    pid: 7,
    startedWith: undefined,
    wanted: undefined,
    step: 'adopt',
  },
  { reason: 'what was started the same way is adopted', pid: 7, startedWith: 'a', wanted: 'a', step: 'adopt' },
  {
    reason: 'what dials a coordinator that is gone is replaced',
    pid: 7,
    startedWith: 'a',
    wanted: 'b',
    step: 'replace',
  },
  {
    reason: 'what nobody knows the start of is replaced, where it matters',
    pid: 7,
    startedWith: undefined,
    wanted: 'b',
    step: 'replace',
  },
] as const;

for (const { reason, step, wanted, ...observed } of steps) {
  test(reason, () => assert.equal(nextStep(observed, wanted), step));
}

test('a program that keeps ending rests longer and longer, but never longer than 30 s', () => {
  const longest = [0, 1, 2, 20].map((ends) => restAfter(ends, 0, () => 0.999_999).restMillis);
  assert.deepEqual(longest, [499, 999, 1999, 29_999]);
});

test('an end after a long life is the first in a row', () => {
  assert.deepEqual(
    restAfter(9, 60_000, () => 0.5),
    { restMillis: 250, endsInARow: 1 },
  );
  assert.equal(restAfter(9, 59_999, () => 0.5).endsInARow, 10);
});

test('a rest is drawn from its whole range, so that programs that ended together do not start together', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.double({ min: 0, max: 0.999, noNaN: true }), (ends, share) => {
      const { restMillis } = restAfter(ends, 0, () => share);
      assert.ok(restMillis >= 0 && restMillis <= 30_000);
    }),
  );
});
