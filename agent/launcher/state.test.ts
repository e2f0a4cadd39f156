import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canStart, idle, type LauncherEvent, type LauncherState, type Step, step, UP_MILLIS } from './state.ts';

const none = { failures: 0, mended: false };
const running: LauncherState = { state: 'running', pid: 7, since: 1_000, ...none };

const cases: readonly { reason: string; state: LauncherState; event: LauncherEvent; next: Step }[] = [
  {
    reason: 'a start that somebody waits for',
    state: idle,
    event: { event: 'start' },
    next: { state: { state: 'starting', asked: true, ...none }, effect: { effect: 'spawn' } },
  },
  {
    reason: 'a launcher that comes after a killed one goes on by itself',
    state: idle,
    event: { event: 'resume' },
    next: { state: { state: 'starting', asked: false, ...none }, effect: { effect: 'spawn' } },
  },
  {
    reason: 'a failure of somebody who waits is theirs, not to be repeated behind their back',
    state: { state: 'starting', asked: true, ...none },
    event: { event: 'not-spawned' },
    next: { state: { state: 'failed', failures: 1, mended: false } },
  },
  {
    reason: 'what a start lacked of the machine is nobody’s failure: it may be asked for again',
    state: { state: 'starting', asked: true, ...none },
    event: { event: 'not-spawned', lacks: true },
    next: { state: idle },
  },
  {
    reason: 'nobody waits: a full disk may have room again',
    state: { state: 'starting', asked: false, ...none },
    event: { event: 'not-spawned' },
    next: { state: { state: 'waiting', failures: 1, mended: false }, effect: { effect: 'wait', attempt: 0 } },
  },
  {
    reason: 'a crash is started again after a wait that grows',
    state: { ...running, failures: 2 },
    event: { event: 'exited', code: -1, at: 2_000 },
    next: { state: { state: 'waiting', failures: 3, mended: false }, effect: { effect: 'wait', attempt: 2 } },
  },
  {
    reason: 'a process that was up wipes out what came before it',
    state: { ...running, failures: 5, mended: true },
    event: { event: 'exited', code: 1, at: 1_000 + UP_MILLIS },
    next: { state: { state: 'waiting', failures: 1, mended: false }, effect: { effect: 'wait', attempt: 0 } },
  },
  {
    reason: 'exit 0 may be a restart that OpenClaw hands over: ask',
    state: running,
    event: { event: 'exited', code: 0, at: 2_000 },
    next: { state: { state: 'asking', ...none }, effect: { effect: 'ask' } },
  },
  {
    reason: 'a restart that was handed over is done at once and is no failure',
    state: { state: 'asking', ...none },
    event: { event: 'asked', handedOver: true },
    next: { state: { state: 'starting', asked: false, ...none }, effect: { effect: 'spawn' } },
  },
  {
    reason: 'an exit 0 that nobody asked for is a failure like another',
    state: { state: 'asking', ...none },
    event: { event: 'asked', handedOver: false },
    next: { state: { state: 'waiting', failures: 1, mended: false }, effect: { effect: 'wait', attempt: 0 } },
  },
  {
    reason: 'the first exit 78 is for doctor',
    state: running,
    event: { event: 'exited', code: 78, at: 2_000 },
    next: { state: { state: 'mending', failures: 1, mended: false }, effect: { effect: 'mend' } },
  },
  {
    reason: 'what doctor mended is tried once more',
    state: { state: 'mending', failures: 1, mended: false },
    event: { event: 'mended', ok: true },
    next: { state: { state: 'starting', asked: false, failures: 1, mended: true }, effect: { effect: 'spawn' } },
  },
  {
    reason: 'what doctor cannot mend only the agent can',
    state: { state: 'mending', failures: 1, mended: false },
    event: { event: 'mended', ok: false },
    next: { state: { state: 'failed', failures: 1, mended: false } },
  },
  {
    reason: 'a second exit 78 is not for doctor again',
    state: { ...running, failures: 1, mended: true },
    event: { event: 'exited', code: 78, at: 2_000 },
    next: { state: { state: 'failed', failures: 2, mended: true } },
  },
  {
    reason: 'on a full disk OpenClaw takes its databases for damaged, and there is nothing to mend',
    state: running,
    event: { event: 'exited', code: 78, at: 2_000, lacks: true },
    next: { state: { state: 'waiting', failures: 1, mended: false }, effect: { effect: 'wait', attempt: 0 } },
  },
  {
    reason: 'nor is it given up when doctor has run for something else before',
    state: { ...running, failures: 4, mended: true },
    event: { event: 'exited', code: 78, at: 2_000, lacks: true },
    next: { state: { state: 'waiting', failures: 5, mended: true }, effect: { effect: 'wait', attempt: 4 } },
  },
  {
    reason: 'a doctor that had no room has not said that there is nothing to be done',
    state: { state: 'mending', failures: 1, mended: false },
    event: { event: 'mended', ok: false, lacks: true },
    next: { state: { state: 'waiting', failures: 2, mended: false }, effect: { effect: 'wait', attempt: 1 } },
  },
  {
    reason: 'a stop drains what runs',
    state: running,
    event: { event: 'stop' },
    next: { state: { state: 'stopping', pid: 7, ...none }, effect: { effect: 'drain', pid: 7 } },
  },
  {
    reason: 'a stop gives up a wait',
    state: { state: 'waiting', failures: 3, mended: false },
    event: { event: 'stop' },
    next: { state: { state: 'stopping', pid: undefined, failures: 3, mended: false }, effect: { effect: 'cancel' } },
  },
  {
    reason: 'what nobody holds any more is drained like what is stopped',
    state: running,
    event: { event: 'hold-expired' },
    next: { state: { state: 'stopping', pid: 7, ...none }, effect: { effect: 'drain', pid: 7 } },
  },
  {
    reason: 'what nobody holds any more is not started again after a crash',
    state: { state: 'waiting', failures: 3, mended: false },
    event: { event: 'hold-expired' },
    next: { state: { state: 'stopping', pid: undefined, failures: 3, mended: false }, effect: { effect: 'cancel' } },
  },
  {
    reason: 'doctor writes on the state as OpenClaw does',
    state: { state: 'mending', failures: 1, mended: false },
    event: { event: 'hold-expired' },
    next: { state: { state: 'stopping', pid: undefined, failures: 1, mended: false }, effect: { effect: 'cancel' } },
  },
  {
    reason: 'a drain that is under way goes on, in less time',
    state: { state: 'stopping', pid: 8, ...none },
    event: { event: 'hold-expired' },
    next: { state: { state: 'stopping', pid: 8, ...none } },
  },
  {
    reason: 'a failure stays to be seen',
    state: { state: 'failed', failures: 2, mended: true },
    event: { event: 'hold-expired' },
    next: { state: { state: 'failed', failures: 2, mended: true } },
  },
  {
    reason: 'nothing runs that could end',
    state: idle,
    event: { event: 'hold-expired' },
    next: { state: idle },
  },
  {
    reason: 'a process that was spawned before the cancel reached it is drained',
    state: { state: 'stopping', pid: undefined, ...none },
    event: { event: 'spawned', pid: 8, at: 1 },
    next: { state: { state: 'stopping', pid: 8, ...none }, effect: { effect: 'drain', pid: 8 } },
  },
  {
    reason: 'while a process is drained, only its end ends the stop',
    state: { state: 'stopping', pid: 8, ...none },
    event: { event: 'cancelled' },
    next: { state: { state: 'stopping', pid: 8, ...none } },
  },
  {
    reason: 'an exit during a stop is the end of it, whatever the code',
    state: { state: 'stopping', pid: 8, ...none },
    event: { event: 'exited', code: 78, at: 1 },
    next: { state: idle },
  },
];

for (const { reason, state, event, next } of cases) {
  test(`${state.state} ${event.event}: ${reason}`, () => assert.deepEqual(step(state, event), next));
}

/** What the world may do, drawn freely: the machine must hold its promises against any order of it. */
const anyEvent: fc.Arbitrary<LauncherEvent> = fc.oneof(
  fc.constantFrom<LauncherEvent>(
    { event: 'start' },
    { event: 'resume' },
    { event: 'stop' },
    { event: 'hold-expired' },
    { event: 'not-spawned' },
    { event: 'not-spawned', lacks: true },
    { event: 'waited' },
    { event: 'cancelled' },
  ),
  fc.record({ event: fc.constant('spawned' as const), pid: fc.integer({ min: 1 }), at: fc.nat() }),
  fc.record({
    event: fc.constant('exited' as const),
    code: fc.constantFrom(-1, 0, 1, 78),
    at: fc.nat(),
    lacks: fc.boolean(),
  }),
  fc.record({ event: fc.constant('asked' as const), handedOver: fc.boolean() }),
  fc.record({ event: fc.constant('mended' as const), ok: fc.boolean(), lacks: fc.boolean() }),
);

/** The effect whose end each state awaits; none in those that rest. */
const awaited: Record<LauncherState['state'], string | undefined> = {
  idle: undefined,
  failed: undefined,
  running: undefined,
  starting: 'spawn',
  asking: 'ask',
  mending: 'mend',
  waiting: 'wait',
  stopping: 'drain or cancel',
};

test('in any order of events: an effect exactly when a state that awaits one is entered, never two at once', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      let state: LauncherState = idle;
      for (const event of events) {
        const next = step(state, event);
        const entered = next.state !== state;
        const expected = entered ? awaited[next.state.state] : undefined;
        if (expected === undefined) assert.equal(next.effect, undefined);
        else assert.ok(next.effect !== undefined && expected.includes(next.effect.effect));
        if (next.effect?.effect === 'spawn') assert.notEqual(state.state, 'running', 'two would run');
        state = next.state;
      }
    }),
  );
});

test('in any order of events: doctor runs at most once in a streak', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 80 }), (events) => {
      let state: LauncherState = idle;
      let doctored = 0;
      for (const event of events) {
        const next = step(state, event);
        const fresh =
          next.state.state === 'idle' ||
          canStart(state) ||
          ('failures' in next.state && next.state.failures <= 1 && !next.state.mended);
        if (fresh) doctored = 0;
        if (next.effect?.effect === 'mend') doctored += 1;
        assert.ok(doctored <= 1);
        state = next.state;
      }
    }),
  );
});

test('from any state: once the hold has expired and what was under way has ended, only a start starts anything', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.array(anyEvent, { maxLength: 40 }), (before, later) => {
      let state: LauncherState = idle;
      for (const event of [...before, { event: 'hold-expired' } as const]) ({ state } = step(state, event));
      for (const event of later.filter(({ event }) => event !== 'start' && event !== 'resume')) {
        const next = step(state, event);
        assert.notEqual(next.effect?.effect, 'spawn');
        ({ state } = next);
      }
    }),
  );
});

test('from any state: a stop, and then the end of what is under way, is idle', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      let { state } = { state: idle as LauncherState };
      for (const event of [...events, { event: 'stop' } as const]) ({ state } = step(state, event));
      if (state.state === 'stopping' && state.pid === undefined) ({ state } = step(state, { event: 'cancelled' }));
      if (state.state === 'stopping') ({ state } = step(state, { event: 'exited', code: 0, at: 0 }));
      assert.deepEqual(state, idle);
    }),
  );
});
