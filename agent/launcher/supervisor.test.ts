import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { ProcessEnd, StartOrder } from './openclaw-process.ts';
import type { StartRecord } from './start-record.ts';
import { Supervisor, type SupervisorPorts } from './supervisor.ts';

const order: StartOrder = {
  runtimeDirectory: '/runtime',
  version: '1',
  environment: {},
  arguments: ['gateway', 'run'],
};
const record: StartRecord = { wanted: 'running', ...order, process: { pid: 99, identity: 'then' } };

/** A world in which processes end when the test says so. */
function world(changes: Partial<SupervisorPorts> = {}) {
  const clock = new ManualClock();
  const ends = new Map<number, (end: ProcessEnd) => void>();
  const saved: StartRecord[] = [];
  const doctored: string[] = [];
  let pid = 100;
  const ports: SupervisorPorts = {
    clock,
    random: () => 0.5,
    log: createLogger({ program: 'test', level: 'silent' }),
    waitForFreeState: async () => {},
    spawn: async () => {
      pid += 1;
      const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
      ends.set(pid, resolve);
      return { pid, ended: promise, hold: () => {} };
    },
    identify: (of) => `process ${of}`,
    askHandOver: async () => false,
    mend: async () => {
      doctored.push('doctor');
      return { ok: true, words: 'mended' };
    },
    drain: async (_order, process) => {
      ends.get(process.pid)?.({ code: 0, signal: '', lastWords: 'bye' });
    },
    kill: (of) => ends.get(of)?.({ code: -1, signal: 'SIGKILL', lastWords: '' }),
    saveRecord: async (now) => {
      saved.push(now);
    },
    lacks: () => false,
    ...changes,
  };
  const supervisor = new Supervisor(ports);
  const end = (of: number, code: number) => ends.get(of)?.({ code, signal: '', lastWords: `ended with ${code}` });
  const reached = (state: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (supervisor.now.state.state === state) resolve();
      };
      supervisor.onChange(look);
      look();
    });
  return { clock, supervisor, end, reached, saved, doctored };
}

test('a start is recorded before anything runs, and again with the process it became', async () => {
  const { supervisor, saved } = world();
  assert.equal(await supervisor.start(order), 101);
  assert.deepEqual(saved, [
    { wanted: 'running', ...order },
    { wanted: 'running', ...order, process: { pid: 101, identity: 'process 101' } },
  ]);
});

test('of two starts at one moment one is refused', async () => {
  const { supervisor } = world();
  const both = await Promise.allSettled([supervisor.start(order), supervisor.start(order)]);
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal(supervisor.now.starts, 1);
});

test('a start that fails says why, and leaves the launcher ready for another', async () => {
  const missing = new OpenCraneError('failed_precondition', 'runtime_missing', 'there is no runtime');
  const { supervisor } = world({ spawn: () => Promise.reject(missing) });
  await assert.rejects(supervisor.start(order), missing);
  assert.equal(supervisor.now.state.state, 'failed');
  await assert.rejects(supervisor.start(order), missing);
});

test('a crash is started again after its wait, and not before', async () => {
  const { supervisor, end, reached, clock } = world();
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(101, 1);
  await reached('waiting');
  assert.equal(supervisor.now.lastExit?.lastWords, 'ended with 1');
  clock.advance(249); // half of 500 ms, by the random of this world
  assert.equal(supervisor.now.state.state, 'waiting');
  clock.advance(1);
  await reached('running');
  assert.equal(supervisor.now.starts, 2);
});

test('a stop during the wait after a crash is done at once, and nothing is started later', async () => {
  const { supervisor, end, reached, clock } = world();
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(101, 1);
  await reached('waiting');
  assert.equal(await supervisor.stop(1_000), undefined, 'there was no process to end');
  clock.advance(60_000);
  await new Promise(setImmediate);
  assert.equal(supervisor.now.state.state, 'idle');
  assert.equal(supervisor.now.starts, 1);
});

test('a stop while the state is not free yet gives the start up', async () => {
  const waiting = (_recorded: unknown, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
    });
  const { supervisor, saved } = world({ waitForFreeState: waiting });
  const starting = assert.rejects(supervisor.start(order), { reason: 'start_superseded' });
  await new Promise(setImmediate);
  await supervisor.stop(1_000);
  await starting;
  assert.equal(saved.at(-1)?.wanted, 'stopped');
  assert.equal(supervisor.now.starts, 0);
});

test('exit 78 twice: one doctor, then failed with the words of the last process', async () => {
  const { supervisor, end, reached, doctored } = world();
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(101, 78);
  await reached('mending');
  await reached('running');
  await new Promise(setImmediate);
  end(102, 78);
  await reached('failed');
  assert.deepEqual(doctored, ['doctor']);
  assert.equal(supervisor.now.lastExit?.lastWords, 'ended with 78');
});

test('exit 78 on a full disk: no doctor, and another try after its wait until there is room', async () => {
  let full = true;
  const { supervisor, end, reached, doctored, clock } = world({ lacks: () => full });
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(101, 78);
  await reached('waiting');
  clock.advance(500);
  await reached('running');
  await new Promise(setImmediate);
  end(102, 78);
  await reached('waiting');
  assert.deepEqual(doctored, []);
  full = false;
  clock.advance(1_000);
  await reached('running');
  await new Promise(setImmediate);
  end(103, 78);
  await reached('mending');
});

test('a start for which the machine has no room says so, and may be asked for again', async () => {
  let full = true;
  const none = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: -28 });
  const { supervisor } = world({
    waitForFreeState: async () => {
      if (full) throw none;
    },
  });
  await assert.rejects(supervisor.start(order), { code: 'resource_exhausted', reason: 'disk_full' });
  assert.equal(supervisor.now.state.state, 'idle');
  full = false;
  assert.equal(await supervisor.start(order), 101);
});

test('a doctor or a question that throws is an answer of its own kind, and the launcher goes on', async () => {
  const broken = () => Promise.reject(new Error('broken'));
  const { supervisor, end, reached } = world({ mend: broken, askHandOver: broken });
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(101, 0);
  await reached('waiting');
  assert.equal(supervisor.now.lastExit?.restartRequested, false);
  await supervisor.stop(1_000);
  await supervisor.start(order);
  await new Promise(setImmediate);
  end(102, 78);
  await reached('failed');
});

test('a launcher that follows a killed one waits for its process by name, then runs the same', async () => {
  let waitedFor: StartRecord['process'];
  const { supervisor, reached } = world({
    waitForFreeState: async (recorded) => {
      waitedFor = recorded;
    },
  });
  supervisor.resume(record);
  await reached('running');
  assert.deepEqual(waitedFor, record.process);
  assert.deepEqual(supervisor.now.order, order);
});

test('a launcher that follows one that was told to stop stays idle', () => {
  const { supervisor } = world();
  supervisor.resume({ ...record, wanted: 'stopped' });
  assert.equal(supervisor.now.state.state, 'idle');
});

test('a record that cannot be written keeps a start from happening, but not a stop', async () => {
  let full = false;
  const { supervisor } = world({
    saveRecord: () => (full ? Promise.reject(new Error('no space left')) : Promise.resolve()),
  });
  await supervisor.start(order);
  full = true;
  await new Promise(setImmediate);
  assert.equal((await supervisor.stop(1_000))?.code, 0);
  await assert.rejects(supervisor.start(order), /no space left/);
  assert.equal(supervisor.now.state.state, 'idle');
});

test('a launcher that ends starts nothing any more', async () => {
  const { supervisor } = world();
  await supervisor.start(order);
  await new Promise(setImmediate);
  await supervisor.close(1_000, new AbortController().signal);
  await assert.rejects(supervisor.start(order), { reason: 'launcher_ends' });
});

const hold = { until: 22_500, drainMillis: 5_000, asOf: 0 };

/** Lets the clock run, and what is due with it. */
async function pass(clock: ManualClock, millis: number): Promise<void> {
  for (let left = millis; left > 0; left -= 100) {
    clock.advance(Math.min(left, 100));
    await new Promise(setImmediate);
  }
}

test('a hold is recorded with the start, told to the guard, and ends what nobody extends', async () => {
  const told: (number | undefined)[] = [];
  const ended = Promise.withResolvers<ProcessEnd>();
  const drains: number[] = [];
  const { supervisor, saved, clock, reached } = world({
    async spawn(_order, until) {
      told.push(until);
      return { pid: 101, ended: ended.promise, hold: (moment) => told.push(moment) };
    },
    async drain(_order, _process, budgetMillis, hurry) {
      assert.equal(hurry.aborted, true, 'turns are not waited for');
      drains.push(budgetMillis);
      ended.resolve({ code: 0, signal: '', lastWords: '' });
    },
  });
  await supervisor.start(order, hold);
  assert.equal(saved.at(-1)?.held, true);
  await pass(clock, 10_000);
  await supervisor.hold({ until: 32_500, drainMillis: 5_000, asOf: 10_000 });
  await pass(clock, 17_400);
  assert.equal(supervisor.now.state.state, 'running');
  await pass(clock, 100);
  await reached('idle');
  assert.deepEqual(drains, [5_000]);
  assert.deepEqual([told[0], told.at(-1)], [22_500, 32_500]);
  await supervisor.hold({ until: 60_000, drainMillis: 5_000, asOf: 27_500 });
  await pass(clock, 10_000);
  assert.equal(supervisor.now.state.state, 'idle', 'a hold starts nothing');
});

test('what does not end by itself is killed at the end of its hold', async () => {
  const killed: number[] = [];
  const ended = Promise.withResolvers<ProcessEnd>();
  const { supervisor, clock, reached } = world({
    spawn: async () => ({ pid: 101, ended: ended.promise, hold: () => {} }),
    drain: async () => void (await ended.promise),
    kill(pid) {
      killed.push(pid);
      ended.resolve({ code: -1, signal: 'SIGKILL', lastWords: '' });
    },
  });
  await supervisor.start(order, hold);
  await pass(clock, 22_400);
  assert.equal(supervisor.now.state.state, 'stopping');
  assert.deepEqual(killed, []);
  await pass(clock, 100);
  await reached('idle');
  assert.deepEqual(killed, [101]);
});

test('a long drain is cut short by the end of the hold', async () => {
  const ended = Promise.withResolvers<ProcessEnd>();
  const { supervisor, clock } = world({
    spawn: async () => ({ pid: 101, ended: ended.promise, hold: () => {} }),
    async drain(_order, _process, _budgetMillis, hurry) {
      hurry.addEventListener('abort', () => ended.resolve({ code: 0, signal: '', lastWords: 'hurried' }));
      await ended.promise;
    },
  });
  await supervisor.start(order, hold);
  await new Promise(setImmediate);
  const stopping = supervisor.stop(330_000);
  await pass(clock, 17_500);
  assert.equal((await stopping)?.lastWords, 'hurried');
});

test('a crash within the hold is started again, one at its end is not', async () => {
  const { supervisor, clock, end, reached } = world();
  await supervisor.start(order, hold);
  await new Promise(setImmediate);
  end(101, 1);
  await reached('waiting');
  await pass(clock, 1_000);
  await reached('running');
  await supervisor.hold({ until: 6_100, drainMillis: 5_000, asOf: 1_000 }); // 100 ms from now it is ending
  await new Promise(setImmediate);
  end(102, 1);
  await reached('waiting');
  await pass(clock, 60_000);
  assert.equal(supervisor.now.state.state, 'idle');
  assert.equal(supervisor.now.starts, 2);
});

test('a process that was spawned while the hold ended is killed at once', async () => {
  const spawned = Promise.withResolvers<void>();
  const killed: number[] = [];
  const ended = Promise.withResolvers<ProcessEnd>();
  const { supervisor, clock, reached } = world({
    async spawn() {
      await spawned.promise;
      return { pid: 101, ended: ended.promise, hold: () => {} };
    },
    drain: async () => void (await ended.promise),
    kill(pid) {
      killed.push(pid);
      ended.resolve({ code: -1, signal: 'SIGKILL', lastWords: '' });
    },
  });
  const starting = assert.rejects(supervisor.start(order, hold), { reason: 'start_superseded' });
  await pass(clock, 30_000);
  spawned.resolve();
  await starting;
  await reached('idle');
  assert.deepEqual(killed, [101]);
});

test('what waits for a free state until its hold has ended is not started', async () => {
  const free = Promise.withResolvers<void>();
  const { supervisor, clock } = world({ waitForFreeState: () => free.promise });
  const starting = supervisor.start(order, hold).catch((cause: unknown) => cause);
  await new Promise(setImmediate);
  clock.advance(20_000); // one look too early for the watch: nobody has told the state machine yet
  free.resolve();
  assert.ok((await starting) instanceof OpenCraneError);
  assert.equal(supervisor.now.starts, 0);
});

test('a start with a hold that is ending is refused', async () => {
  const { supervisor, clock } = world();
  clock.advance(17_500);
  await assert.rejects(supervisor.start(order, hold), { code: 'failed_precondition', reason: 'hold_over' });
});

test('a start that was held up until its hold had been withdrawn starts nothing', async () => {
  const { supervisor } = world();
  await supervisor.hold({ until: 0, drainMillis: 0, asOf: 100 });
  await assert.rejects(supervisor.start(order, { ...hold, asOf: 90 }), { reason: 'hold_over' });
  assert.equal(supervisor.now.starts, 0);
});

test('a start that was held up until its own hold had ended is not for the holder of today', async () => {
  const { supervisor, clock } = world();
  clock.advance(60_000);
  await supervisor.hold({ until: 90_000, drainMillis: 5_000, asOf: 60_000 });
  await assert.rejects(supervisor.start(order, hold), { reason: 'hold_over' });
});

test('a start that was overtaken by a renewal runs under the newer hold', async () => {
  const told: (number | undefined)[] = [];
  const { supervisor } = world({
    async spawn(_order, until) {
      told.push(until);
      return { pid: 101, ended: Promise.withResolvers<ProcessEnd>().promise, hold: () => {} };
    },
  });
  await supervisor.hold({ until: 32_500, drainMillis: 5_000, asOf: 100 });
  await supervisor.start(order, { ...hold, asOf: 90 });
  assert.deepEqual(told, [32_500]);
});

test('a launcher that follows one whose OpenClaw had a hold waits to be told, and then runs it under a new one', async () => {
  const { supervisor, saved } = world();
  supervisor.resume({ ...record, held: true });
  assert.equal(supervisor.now.state.state, 'idle');
  await supervisor.hold(hold);
  assert.equal(supervisor.now.state.state, 'idle', 'who restores first renews its lease meanwhile');
  await supervisor.start(order, hold);
  assert.equal(saved.at(-1)?.wanted, 'running');
});

test('a hold on what was started without one is recorded before it is answered', async () => {
  const { supervisor, saved } = world();
  await supervisor.start(order);
  assert.equal(saved.at(-1)?.held, undefined);
  await supervisor.hold(hold);
  assert.equal(saved.at(-1)?.held, true);
});

test('a start without a hold runs until it is stopped', async () => {
  const { supervisor, clock, saved } = world();
  await supervisor.start(order, hold);
  await new Promise(setImmediate);
  await supervisor.stop(1_000);
  await supervisor.start(order);
  await pass(clock, 60_000);
  assert.equal(supervisor.now.state.state, 'running');
  assert.equal(saved.at(-1)?.held, undefined);
});
