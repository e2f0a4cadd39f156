import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ending, type LinkState, onDial, onLost, onWelcome } from './link-state.ts';

function stopped(): LinkState {
  return { is: 'stopped' };
}
const why = 'it rained';

/** Fails so often in a row, each time while dialing, and returns the last wait. */
function waitAfter(failures: number, random: () => number): number {
  let state = stopped();
  for (let count = 0; count < failures; count += 1) state = onLost(onDial(state), { why }, 0, random);
  return state.is === 'waiting' ? state.waitMillis : Number.NaN;
}

const cases: readonly { reason: string; got: () => number; wait: number }[] = [
  { reason: 'the first wait is drawn from half a second', got: () => waitAfter(1, () => 0.999), wait: 499 },
  { reason: 'waits double', got: () => waitAfter(3, () => 0.5), wait: 1_000 },
  { reason: 'no wait is longer than a minute', got: () => waitAfter(50, () => 0.5), wait: 30_000 },
  { reason: 'full jitter: a wait may be nothing', got: () => waitAfter(50, () => 0), wait: 0 },
  {
    reason: 'a goodbye says itself how long to wait',
    got: () => lost({ why, reconnectAfterMillis: 1_234 }, 0),
    wait: 1_234,
  },
  { reason: 'but not for days', got: () => lost({ why, reconnectAfterMillis: 1e12 }, 0), wait: 600_000 },
  { reason: 'a minute of health lets failures be forgotten', got: () => lost({ why }, 60_000), wait: 250 },
  {
    reason: 'a short life does not, or a flapping coordinator would be hammered',
    got: () => lost({ why }, 59_999),
    wait: 8_000,
  },
];

/** The wait after five failures and then a connection that lasted so long. */
function lost(ending: Ending, lastedMillis: number): number {
  const waiting: LinkState = { is: 'waiting', failures: 5, waitMillis: 0 };
  const state = onLost(onWelcome(onDial(waiting), 1_000), ending, 1_000 + lastedMillis, () => 0.5);
  return state.is === 'waiting' ? state.waitMillis : Number.NaN;
}

for (const { reason, got, wait } of cases) test(reason, () => assert.equal(got(), wait));

test('a welcome that answers a heartbeat does not restart the minute of health', () => {
  const state = onWelcome(onWelcome(onDial(stopped()), 5), 50_000);
  assert.deepEqual(state, { is: 'connected', failures: 0, since: 5 });
});

type Happening = readonly [what: 'dial' | 'welcome' | 'lost' | 'goodbye', millis: number];

function step(state: LinkState, [what, millis]: Happening, now: number): LinkState {
  if (what === 'dial') return onDial(state);
  if (what === 'welcome') return onWelcome(state, now);
  return onLost(state, what === 'lost' ? { why } : { why, reconnectAfterMillis: millis }, now, () => 0.99);
}

test('whatever happens, a loss is waited for, in bounds, and counted', () => {
  const what = fc.constantFrom<Happening[0]>('dial', 'welcome', 'lost', 'goodbye');
  fc.assert(
    fc.property(fc.array(fc.tuple(what, fc.nat(100_000)), { maxLength: 100 }), (happenings) => {
      let state = stopped();
      let now = 0;
      for (const happening of happenings) {
        now += happening[1];
        const before = state.is;
        state = step(state, happening, now);
        const lost = happening[0] === 'lost' || happening[0] === 'goodbye';
        if (lost && before !== 'stopped') assert.equal(state.is, 'waiting');
        if (state.is === 'waiting')
          assert.ok(state.failures >= 1 && state.waitMillis >= 0 && state.waitMillis <= 100_000);
      }
    }),
  );
});
