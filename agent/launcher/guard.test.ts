import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock, systemClock } from '@opencrane/kit/clock.ts';
import { waitForFreeState } from './orphan.ts';
import { processIdentity } from './process-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'oc-guard-'));
const guard = join(import.meta.dirname, 'guard.mjs');
after(() => rmSync(folder, { recursive: true }));

/** A process that stands for OpenClaw: it says who it is, and lives until it is told to end. */
const program = `
  process.on('SIGTERM', () => { process.stdout.write('terminated\\n'); STUBBORN || process.exit(0); });
  process.stdout.write('up ' + (process.env.OPENCRANE_GATEWAY_LOCK ?? 'unset') + '\\n');
  setInterval(() => {}, 1000);
`;

function guarded(lock: string, stubborn = false): ChildProcess {
  const script = program.replace('STUBBORN', String(stubborn));
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', guard, '-e', script], {
    env: { ...process.env, OPENCRANE_GATEWAY_LOCK: lock },
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

test('the state is waited for while somebody has it, and one that does not end is killed by its name', async () => {
  const lock = join(folder, 'three.lock');
  const child = guarded(lock, true);
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
  const child = guarded(lock, true);
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
