import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { termsOf } from '../terms.ts';
import { Broken } from './broken.ts';
import { simulate, whole, withoutMargin } from './simulation.ts';
import type { Options } from './world.ts';

const SCHEDULES = 100_000;
const MOST_SOUGHT = 50_000;
/** Others each time; a failure names the seed that repeats it. */
const first = randomInt(2 ** 31);

test(`${SCHEDULES} schedules keep every promise`, (context) => {
  const sum = { events: 0, millis: 0, takeOvers: 0, outlived: 0 };
  for (let seed = first; seed < first + SCHEDULES; seed += 1) {
    const { events, millis, epochs, outlived } = simulate(seed);
    sum.events += events;
    sum.millis += millis;
    sum.takeOvers += epochs - 1;
    sum.outlived += outlived;
  }
  const days = Math.round(sum.millis / 86_400_000);
  const { events, takeOvers, outlived } = sum;
  context.diagnostic(
    `seeds from ${first}: ${days} days, ${events} events, ${takeOvers} take-overs, ${outlived} outages outlived`,
  );
  assert.ok(takeOvers > SCHEDULES / 4 && outlived > SCHEDULES / 100, 'the schedules are about something');
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
    options: { ...whole, terms: withoutMargin(termsOf(whole.terms.ttlMillis)) },
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
  {
    reason: 'a watcher that does not ask the coordinator takes over from who is vouched for',
    options: { ...whole, watcherAsks: false },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'one that does not wait after the grant overlaps with the last vouch',
    options: { ...whole, watcherWaits: false },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'a vouch that counts from its answer outlives the wait of who got a grant meanwhile',
    // With an outage that does not end it before.
    options: {
      ...whole,
      vouchCountsFromAsking: false,
      terms: termsOf(whole.terms.ttlMillis, { id: 'the coordinator', outageMillis: 600_000 }),
    },
    broken: /two OpenClaws run at one time|on a state of epoch/,
  },
  {
    reason: 'a coordinator that forgets its grants at a restart vouches for who was given up',
    options: { ...whole, grantsLast: false },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'one that vouches in spite of its grants does so, too',
    options: { ...whole, grantsCount: false },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'a holder that is vouched for without end outlives the wait of who cannot ask',
    options: { ...whole, terms: { ...whole.terms, outageDeadlineMillis: Number.POSITIVE_INFINITY } },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'a holder that asks nobody is ended in the middle of an outage',
    options: { ...whole, terms: { ...whole.terms, revouchMillis: Number.POSITIVE_INFINITY } },
    broken: /though the coordinator vouches for it/,
  },
  {
    reason: 'one that serves on until its lease would have been renewed, whatever the witness says, overlaps',
    options: { ...whole, terms: { ...whole.terms, vouchDeadlineMillis: Number.POSITIVE_INFINITY } },
    broken: /two OpenClaws run at one time/,
  },
  {
    reason: 'one that rests on a word that does not come any more is ended though its bucket is there',
    options: { ...whole, terms: { ...whole.terms, trustMillis: Number.POSITIVE_INFINITY } },
    broken: /though the bucket answers it/,
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
  for (let seed = 1; seed <= MOST_SOUGHT; seed += 1) {
    try {
      simulate(seed, options);
    } catch (cause) {
      if (cause instanceof Broken) return cause;
      throw cause;
    }
  }
  return assert.fail(`nothing was found in ${MOST_SOUGHT} schedules`);
}
