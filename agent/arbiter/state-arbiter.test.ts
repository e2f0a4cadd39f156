import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { conductOf, type Sight, sights, type Use, uses } from './conflicts.ts';
import { StartTurn } from './start-turn.ts';
import { StateArbiter, type Turn } from './state-arbiter.ts';

const never = new AbortController().signal;

function arbiter() {
  const clock = new ManualClock(Date.UTC(2026, 9, 1, 5, 12, 3));
  const seen: Sight[] = [];
  return { clock, seen, arbiter: new StateArbiter({ seen: () => seen, clock }) };
}

/** Asks for a turn; what became of it so far. */
function ask(from: StateArbiter, use: Use, signal = never) {
  const asked: { turn?: Turn; error?: unknown; waits: string[]; over: Promise<void> } = {
    waits: [],
    over: Promise.resolve(),
  };
  asked.over = from.take(use, { signal, onWait: (what) => asked.waits.push(what) }).then(
    (turn) => {
      asked.turn = turn;
    },
    (error) => {
      asked.error = error;
    },
  );
  return asked;
}

const settle = async () => {
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
};

for (const held of uses) {
  for (const comes of uses) {
    const conduct = conductOf(held, comes);
    test(`${comes} comes while there is a ${held}: ${conduct}`, async () => {
      const { arbiter: from } = arbiter();
      const first = await from.take(held, { signal: never });
      assert.equal(from.may(comes), conduct === 'together');
      const second = ask(from, comes);
      await settle();
      assert.equal(first.interrupted.aborted, conduct === 'interrupts');
      if (conduct === 'together') assert.ok(second.turn);
      else if (conduct === 'refused') assert.ok(second.error instanceof OpenCraneError);
      else {
        assert.equal(second.turn, undefined, 'it waits');
        assert.equal(second.waits.length, 1, 'and says for what');
        first.end();
        await second.over;
        assert.ok(second.turn, 'until the first has ended');
      }
    });
  }
  for (const sight of sights) {
    test(`a ${held} is asked for while "${sight}" is seen: ${conductOf(sight, held)}`, async () => {
      const { arbiter: from, seen } = arbiter();
      seen.push(sight);
      const asked = ask(from, held);
      await settle();
      const conduct = conductOf(sight, held);
      assert.deepEqual(
        [asked.turn !== undefined, asked.error !== undefined],
        [conduct === 'together', conduct === 'refused'],
      );
      if (conduct !== 'waits') return;
      seen.pop();
      from.changed();
      await asked.over;
      assert.ok(asked.turn);
    });
  }
}

test('a second restore is told since when the first one runs', async () => {
  const { arbiter: from } = arbiter();
  await from.take('restore', { signal: never });
  await assert.rejects(from.take('restore', { signal: never }), {
    reason: 'state_in_use',
    code: 'failed_precondition',
    message: 'another restore of this tenant is running; it began at 05:12:03 UTC',
  });
});

test('what is waited for is said in words, once', async () => {
  const { arbiter: from } = arbiter();
  const exchange = await from.take('exchange', { signal: never });
  const snapshot = ask(from, 'snapshot');
  await settle();
  from.changed();
  from.changed();
  await settle();
  assert.deepEqual(snapshot.waits, ['waiting for an exchange of the state (since 05:12:03 UTC) to end']);
  exchange.end();
  await snapshot.over;
});

test('patience ends with an error that says what was in the way', async () => {
  const { arbiter: from, clock, seen } = arbiter();
  seen.push('starting');
  const asked = from.take('snapshot', { signal: never, patienceMillis: 1_000 });
  await settle();
  clock.advance(1_000);
  await assert.rejects(asked, {
    reason: 'state_in_use',
    message: 'a snapshot cannot begin: the start of OpenClaw has not ended',
  });
});

test('whoever waits may give up', async () => {
  const { arbiter: from } = arbiter();
  await from.take('exchange', { signal: never });
  const over = new AbortController();
  const waiting = from.take('start', { signal: over.signal });
  over.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('a snapshot is broken off when OpenClaw is seen to start by itself', async () => {
  const { arbiter: from, seen } = arbiter();
  const snapshot = await from.take('snapshot', { signal: never });
  const prune = await from.take('prune', { signal: never });
  seen.push('starting');
  from.changed();
  assert.deepEqual([snapshot.interrupted.aborted, prune.interrupted.aborted], [true, false]);
});

test('while it is not certain whose state is there, nothing begins on it, whether it takes a turn or not', async () => {
  const { arbiter: from, seen } = arbiter();
  seen.push('doubt');
  for (const use of ['start', 'snapshot', 'restore'] as const)
    await assert.rejects(from.take(use, { signal: never }), { reason: 'state_in_doubt' });
  assert.throws(() => from.assertCertain(), { reason: 'state_in_doubt' });
  assert.equal(from.may('exchange'), true, 'what ends the doubt may come');
});

test('while an exchange is under way its doubt is its own: others wait for it', async () => {
  const { arbiter: from, seen } = arbiter();
  const exchange = await from.take('exchange', { signal: never });
  seen.push('doubt');
  const snapshot = ask(from, 'snapshot');
  await settle();
  assert.deepEqual([snapshot.turn, snapshot.error], [undefined, undefined]);
  seen.pop();
  exchange.end();
  await snapshot.over;
  assert.ok(snapshot.turn);
});

test('the turn of a start is held once, whoever ends it', async () => {
  const { arbiter: from } = arbiter();
  const start = new StartTurn(from, 1_000);
  await start.take();
  await start.take();
  assert.equal(from.may('snapshot'), false);
  start.end();
  start.end();
  assert.equal(from.may('snapshot'), true);
});
