import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { nothingSeen, StateArbiter } from '../../arbiter/state-arbiter.ts';
import type { SnapshotRequest } from '../snapshot/snapshotter.ts';
import { temporaryFolder } from '../testing.ts';
import { SnapshotLoop } from './snapshot-loop.ts';

const log = createLogger({ program: 'test', level: 'silent' });
const never = new AbortController().signal;

/** A loop over a folder with `a` and `b` in it, whose snapshots end as the test says. */
function loopOver(outcome: (request: SnapshotRequest, signal: AbortSignal) => Promise<void>) {
  const folder = temporaryFolder();
  for (const name of ['a', 'b']) mkdirSync(join(folder.path, name));
  const clock = new ManualClock(1_000);
  const isBehind = { now: false };
  const requests: { reason: string; within: string[] | undefined }[] = [];
  const arbiter = new StateArbiter({ seen: nothingSeen, clock });
  const loop = new SnapshotLoop({
    async take(request, signal) {
      requests.push({ reason: request.reason, within: request.within && [...request.within].sort() });
      await outcome(request, signal);
      return undefined;
    },
    root: folder.path,
    openclawVersion: () => null,
    arbiter,
    unread: () => [],
    slow: () => [],
    isBehind: () => isBehind.now,
    onStanding: () => {},
    clock,
    random: () => 0,
    log,
  });
  /** Lets time pass until so many snapshots were asked for. */
  const until = async (count: number) => {
    for (let turns = 0; requests.length < count; turns += 1) {
      assert.ok(turns < 100_000, `${requests.length} of ${count} snapshots came`);
      if (turns % 20 === 0) clock.advance(100);
      await setImmediate();
    }
  };
  /** Writes a file, and waits until the loop has heard of it. */
  const write = async (path: string) => {
    writeFileSync(join(folder.path, path), String(Math.random()));
    const deadline = performance.now() + 10_000;
    while (loop.standing.unsavedMillis === 0) {
      assert.ok(performance.now() < deadline, `${path} was not heard of`);
      clock.advance(1);
      await setImmediate();
    }
  };
  const end = async () => {
    await loop.stop();
    folder.remove();
  };
  return { loop, isBehind, arbiter, clock, requests, until, write, end };
}

test('the first snapshot looks everywhere, the next ones where something was heard of', async () => {
  const { loop, requests, until, write, end } = loopOver(async () => {});
  loop.start();
  await until(1);
  await write('a/file');
  await until(2);
  await write('b/file');
  await until(3);
  assert.deepEqual(
    requests.map(({ within }) => within),
    [undefined, ['a'], ['b']],
  );
  await end();
});

test('what a snapshot that failed was to look at is looked at by the next one', async () => {
  let failures = 0;
  const { loop, requests, until, write, end } = loopOver(async () => {
    failures += 1;
    if (failures === 2 || failures === 3) throw new Error('the bucket is away');
  });
  loop.start();
  await until(1);
  await write('a/file');
  await until(2);
  await write('b/file');
  await until(4);
  const [first, second, third, fourth] = requests.map(({ within }) => within);
  assert.deepEqual([first, second, fourth], [undefined, ['a'], ['a', 'b']]);
  assert.ok(third?.includes('a')); // the news of the other may come later
  await end();
});

test('who asks for a snapshot gets one of everything, and while that is under way so does the loop', async () => {
  const first = Promise.withResolvers<void>();
  const { loop, requests, until, write, end } = loopOver((request) =>
    request.reason === 'drain' ? first.promise : Promise.resolve(),
  );
  loop.start();
  await until(1);
  const drained = loop.takeNow('drain', never);
  await until(2);
  await write('a/file');
  await until(3);
  first.resolve();
  await drained;
  await write('b/file');
  await until(4);
  assert.deepEqual(requests, [
    { reason: 'change', within: undefined },
    { reason: 'drain', within: undefined },
    { reason: 'change', within: undefined },
    { reason: 'change', within: ['b'] },
  ]);
  await end();
});

test('once a minute everything is looked at, whatever was heard of', async () => {
  const { loop, clock, requests, until, end } = loopOver(async () => {});
  loop.start();
  await until(1);
  const at = clock.monotonic();
  await until(2);
  assert.ok(clock.monotonic() - at >= 55_000, 'an idle tenant is not looked at without end');
  assert.deepEqual(
    requests.map(({ within }) => within),
    [undefined, undefined],
  );
  await end();
});

test('a snapshot that was asked for is broken off for a start of OpenClaw, and taken again when that has ended', async () => {
  const broken = Promise.withResolvers<void>();
  const { loop, arbiter, requests, end } = loopOver(async (_, signal) => {
    if (requests.length > 1) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    broken.resolve();
    signal.throwIfAborted();
  });
  const waits: string[] = [];
  const taken = loop.takeNow('request', never, (what) => waits.push(what));
  await setImmediate();
  const start = await arbiter.take('start', { signal: never });
  await broken.promise;
  await setImmediate();
  assert.equal(requests.length, 1, 'it waits for the start');
  assert.match(waits.join(), /^waiting for the start of OpenClaw/);
  start.end();
  await taken;
  assert.equal(requests.length, 2);
  await end();
});

test('a large file that a snapshot did not come to the end of is read on by the next, without a change', async () => {
  const { loop, isBehind, requests, until, end } = loopOver(async () => {});
  isBehind.now = true;
  loop.start();
  try {
    await until(3);
    isBehind.now = false;
    const before = requests.length;
    await until(before + 1); // it was asked before that one
    assert.equal(loop.standing.unsavedMillis, 0, 'then there is nothing more to store');
  } finally {
    await end();
  }
});
