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
      return { pid, ended: promise };
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
    saveRecord: async (now) => {
      saved.push(now);
    },
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
