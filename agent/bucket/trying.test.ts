import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { trying } from './trying.ts';

const away = () => new OpenCraneError('unavailable', 'bucket_unreachable', 'away');

/** A clock whose sleepers wake at once, and that says how long they slept. */
function sleepless() {
  const slept: number[] = [];
  const clock = new ManualClock();
  const sleep = async (millis: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    slept.push(millis);
    clock.advance(millis);
  };
  return { slept, clock: Object.assign(clock, { sleep }) };
}

const cases = [
  { reason: 'what goes well is done once', fails: 0, attempts: 1, slept: [] },
  { reason: 'a wait doubles from one attempt to the next', fails: 3, attempts: 4, slept: [250, 500, 1000] },
  { reason: 'the fifth failure is the caller’s', fails: 9, attempts: 5, slept: [250, 500, 1000, 2000], thrown: true },
];

for (const { reason, fails, attempts, slept, thrown = false } of cases) {
  test(reason, async () => {
    const stage = sleepless();
    let made = 0;
    const call = async () => {
      made += 1;
      if (made <= fails) throw away();
      return made;
    };
    const result = trying({ clock: stage.clock, random: () => 0.999_999 }, undefined, call);
    if (thrown) await assert.rejects(result, { code: 'unavailable' });
    else assert.equal(await result, attempts);
    assert.equal(made, attempts);
    assert.deepEqual(
      stage.slept.map((millis) => Math.ceil(millis / 10) * 10),
      slept,
    );
  });
}

test('what trying again cannot mend is not tried again', async () => {
  for (const failure of [new OpenCraneError('permission_denied', 'x', 'no'), new Error('a defect'), 'a string']) {
    let made = 0;
    const call = async () => {
      made += 1;
      throw failure;
    };
    await assert.rejects(
      trying({ ...sleepless(), random: Math.random }, undefined, call),
      (thrown) => thrown === failure,
    );
    assert.equal(made, 1);
  }
});

test('attempts that each take long are fewer: the caller has waited enough', async () => {
  const { clock } = sleepless();
  let made = 0;
  const call = async () => {
    made += 1;
    clock.advance(10_000);
    throw away();
  };
  await assert.rejects(trying({ clock, random: () => 0 }, undefined, call), { code: 'unavailable' });
  assert.equal(made, 2);
});

test('a signal ends the waiting', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const result = trying({ clock, random: () => 0.5 }, controller.signal, async () => {
    throw away();
  });
  const ended = assert.rejects(result, { name: 'AbortError' });
  controller.abort();
  await ended;
});
