import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import { ManualClock, systemClock } from '@opencrane/kit/clock.ts';
import { bootClock } from './boot-clock.ts';
import { waitForFreeState } from './orphan.ts';
import { processIdentity } from './process-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'oc-guard-'));
const guard = join(import.meta.dirname, 'guard.mjs');
after(() => rmSync(folder, { recursive: true }));

/** A process that stands for OpenClaw: it says who it is, and lives until it is told to end; a busy one never looks up. */
const program = `
  const { OPENCRANE_GATEWAY_LOCK: lock, OPENCRANE_GATEWAY_HOLD: hold } = process.env;
  process.on('SIGTERM', () => { process.stdout.write('terminated\\n'); STUBBORN || process.exit(0); });
  require('node:fs').writeSync(1, 'up ' + (lock ?? hold ?? 'unset') + '\\n');
  setInterval(() => {}, 1000);
  while (BUSY) {}
`;

type Guarded = { readonly stubborn?: boolean; readonly busy?: boolean; readonly holdMillis?: number };

function guarded(lock: string, { stubborn = false, busy = false, holdMillis }: Guarded = {}): ChildProcess {
  const script = program.replace('STUBBORN', String(stubborn)).replace('BUSY', String(busy));
  const hold = holdMillis === undefined ? {} : { OPENCRANE_GATEWAY_HOLD: String(bootClock.monotonic() + holdMillis) };
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', guard, '-e', script], {
    env: { ...process.env, OPENCRANE_GATEWAY_LOCK: lock, ...hold },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
}

function line(child: ChildProcess, stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
  return new Promise((resolve) => child[stream]?.once('data', (data) => resolve(String(data).trim())));
}

function exit(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
}

/** Lets the clock run for whoever sleeps, no further than `until`, until the work is done. */
async function timePasses(clock: ManualClock, work: Promise<unknown>, until = Number.POSITIVE_INFINITY): Promise<void> {
  let done = false;
  const finish = () => {
    done = true;
  };
  work.then(finish, finish);
  while (!done) {
    if (clock.sleeping > 0 && clock.now() < until) clock.advance(500);
    await new Promise(setImmediate);
  }
  await work;
}

test('output that goes to a full disk is lost, and ends nothing', async () => {
  const full = openSync('/dev/full', 'w');
  const script = "console.log('a'); process.stderr.write('b'); process.stdout.write('c', () => process.exit(7));";
  const child = spawn(process.execPath, ['--import', guard, '-e', script], {
    env: { ...process.env, OPENCRANE_GATEWAY_LOCK: join(folder, 'full.lock') },
    stdio: ['ignore', full, full, 'pipe'],
  });
  closeSync(full);
  assert.deepEqual(await exit(child), [7, null]);
});

test('two processes never have one state, and the lock goes with the process that had it', async () => {
  const lock = join(folder, 'one.lock');
  const first = guarded(lock);
  assert.equal(await line(first), 'up unset', "OpenClaw's children don't get to see the lock");
  const second = guarded(lock);
  const [said, ended] = await Promise.all([line(second, 'stderr'), exit(second)]);
  assert.match(said, /another OpenClaw runs on this state/);
  assert.deepEqual(ended, [75, null]);
  first.kill('SIGKILL');
  await exit(first);
  const third = guarded(lock);
  assert.equal(await line(third), 'up unset');
  third.kill('SIGKILL');
  await exit(third);
});

test('when its launcher is gone it ends itself in an orderly way', async () => {
  const child = guarded(join(folder, 'two.lock'));
  await line(child);
  child.stdio[3]?.destroy(); // what the kernel does for a launcher that was killed
  const [said, ended] = await Promise.all([line(child), exit(child)]);
  assert.equal(said, 'terminated');
  assert.deepEqual(ended, [0, null]);
});

test('it ends when its hold is over, even when it never looks up from its work', async () => {
  const idle = guarded(join(folder, 'six.lock'), { holdMillis: 1_500 });
  const busy = guarded(join(folder, 'seven.lock'), { holdMillis: 1_500, busy: true });
  assert.deepEqual(await Promise.all([line(idle), line(busy)]), ['up unset', 'up unset']);
  const ends = await Promise.all([exit(idle), exit(busy)]);
  assert.deepEqual(ends, [
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
});

test('a hold that is over before it begins ends it, and so does one that is no number', async () => {
  const late = guarded(join(folder, 'eight.lock'), { holdMillis: -1 });
  assert.deepEqual(await exit(late), [null, 'SIGKILL']);
  const damaged = guarded(join(folder, 'nine.lock'), { holdMillis: Number.NaN });
  assert.deepEqual(await exit(damaged), [null, 'SIGKILL']);
});

test('a hold that is extended lets it live on, and the last one counts', async () => {
  const extended = guarded(join(folder, 'ten.lock'), { holdMillis: 1_500 });
  const control = guarded(join(folder, 'eleven.lock'), { holdMillis: 1_500 });
  await Promise.all([line(extended), line(control)]);
  const pipe = extended.stdio[3];
  assert.ok(pipe instanceof Writable);
  pipe.write(`${bootClock.monotonic() + 60_000}\n12`); // a line, and the beginning of another
  await exit(control);
  assert.equal(extended.signalCode, null);
  pipe.write('3\n'); // long ago
  assert.deepEqual(await exit(extended), [null, 'SIGKILL']);
});

test('a process without a launcher has no longer than its hold, and none without a hold has longer than its grace', async () => {
  const held = guarded(join(folder, 'twelve.lock'), { stubborn: true, holdMillis: 2_500 });
  const free = guarded(join(folder, 'thirteen.lock'), { stubborn: true });
  await Promise.all([line(held), line(free)]);
  held.stdio[3]?.destroy();
  free.stdio[3]?.destroy();
  assert.deepEqual(await exit(held), [null, 'SIGKILL']);
  assert.equal(free.signalCode, null, 'it still has most of its ten seconds');
  free.kill('SIGKILL');
  await exit(free);
});

test('a process that ends by itself is not kept by its guard, whatever its code', async () => {
  const lock = join(folder, 'fourteen.lock');
  const script = 'process.exitCode = 7'; // and the loop runs empty
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', guard, '-e', script], {
    env: {
      ...process.env,
      OPENCRANE_GATEWAY_LOCK: lock,
      OPENCRANE_GATEWAY_HOLD: String(bootClock.monotonic() + 60_000),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  assert.deepEqual(await exit(child), [7, null]);
});

test('the state is waited for while somebody has it, and one that does not end is killed by its name', async () => {
  const lock = join(folder, 'three.lock');
  const child = guarded(lock, { stubborn: true });
  await line(child);
  const { pid = 0 } = child;
  const identity = processIdentity(pid);
  assert.ok(identity);
  const clock = new ManualClock();
  const ended = exit(child);
  const waiting = waitForFreeState(lock, { pid, identity }, clock, new AbortController().signal);
  await timePasses(clock, ended, 16_000); // a process takes real time to die
  await timePasses(clock, waiting);
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.ok(clock.now() >= 15_000, 'it had the time it needs to end by itself');
});

test('a process that only has the number of the recorded one is left alone', async () => {
  const lock = join(folder, 'four.lock');
  const child = guarded(lock, { stubborn: true });
  await line(child);
  const clock = new ManualClock();
  const recorded = { pid: child.pid ?? 0, identity: 'another process, another time' };
  const waiting = timePasses(clock, waitForFreeState(lock, recorded, clock, new AbortController().signal));
  await assert.rejects(waiting, { code: 'failed_precondition', reason: 'state_in_use' });
  assert.equal(child.exitCode, null);
  assert.equal(child.signalCode, null);
  child.kill('SIGKILL');
  await exit(child);
});

test('a wait that is given up ends at once', async () => {
  const lock = join(folder, 'five.lock');
  const child = guarded(lock);
  await line(child);
  const stop = new AbortController();
  const waiting = waitForFreeState(lock, undefined, systemClock, stop.signal);
  stop.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  child.kill('SIGKILL');
  await exit(child);
});

test('a process that ended has no identity, and a living one keeps its own', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const { pid = 0 } = child;
  const identity = processIdentity(pid);
  assert.ok(identity);
  assert.equal(processIdentity(pid), identity);
  assert.notEqual(processIdentity(process.pid), identity);
  child.kill('SIGKILL');
  await exit(child);
  assert.equal(processIdentity(pid), undefined);
});
