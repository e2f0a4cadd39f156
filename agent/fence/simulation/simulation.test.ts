import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { Broken } from './broken.ts';
import { simulate, whole, withoutMargin } from './simulation.ts';
import type { Options } from './world.ts';

const SCHEDULES = 100_000;
/** Others each time; a failure names the seed that repeats it. */
const first = randomInt(2 ** 31);

test(`${SCHEDULES} schedules keep every promise`, (context) => {
  const sum = { events: 0, millis: 0, takeOvers: 0 };
  for (let seed = first; seed < first + SCHEDULES; seed += 1) {
    const { events, millis, epochs } = simulate(seed);
    sum.events += events;
    sum.millis += millis;
    sum.takeOvers += epochs - 1;
  }
  const days = Math.round(sum.millis / 86_400_000);
  context.diagnostic(`seeds from ${first}: ${days} days, ${sum.events} events, ${sum.takeOvers} take-overs`);
  assert.ok(sum.takeOvers > SCHEDULES / 4, 'the schedules are about something');
});

test('a seed is one schedule, or a failure could not be repeated', () => {
  assert.deepEqual(simulate(first), simulate(first));
});

/** Each part of the fence is there for a reason: without it the same simulation finds what goes wrong. */
const without: readonly { reason: string; options: Options; broken: RegExp }[] = [
  {
    reason: 'a writer that does not look at the epoch moves HEAD after it was taken over',
    options: { ...whole, checkEpoch: false },
    broken: /HEAD's epoch went back|two OpenClaws/,
  },
  {
    reason: 'without a margin clocks of different rates overlap',
    options: { ...whole, terms: withoutMargin(whole.terms) },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'an agent that stands still cannot stop OpenClaw: somebody else must',
    options: { ...whole, launcherWatches: false, guardWatches: false },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'a launcher that stands still cannot either: OpenClaw must end itself',
    options: { ...whole, guardWatches: false },
    broken: /two OpenClaws run at one time/,
  },
];

for (const { reason, options, broken } of without) {
  test(`found: ${reason}`, (context) => {
    const failure = firstBroken(options);
    assert.match(failure.message, broken);
    context.diagnostic(failure.message);
  });
}

/** Seeds from 1 on, so that this finds the same each time. */
function firstBroken(options: Options): Broken {
  for (let seed = 1; seed <= 20_000; seed += 1) {
    try {
      simulate(seed, options);
    } catch (cause) {
      if (cause instanceof Broken) return cause;
      throw cause;
    }
  }
  return assert.fail('nothing was found in 20,000 schedules');
}
