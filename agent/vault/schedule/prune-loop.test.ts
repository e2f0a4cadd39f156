import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { Pruned } from '../prune/prune.ts';
import { PruneLoop } from './prune-loop.ts';

const MINUTE = 60_000;
const pruned: Pruned = { snapshots: 1, objects: 2, bytes: 3, keptSnapshots: 4, unreadable: [], doubtedMillis: 0 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A loop on a clock that is moved by hand; `random` 0.5 moves no moment. */
async function started(outcome: () => Promise<Pruned> = async () => pruned) {
  const clock = new ManualClock();
  const seen = { turns: [] as number[], told: 0, may: true };
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const loop = new PruneLoop({
    async prune() {
      seen.turns.push(clock.monotonic() / MINUTE);
      return outcome();
    },
    mayPrune: () => seen.may,
    onTrouble: () => {
      seen.told += 1;
    },
    clock,
    random: () => 0.5,
    log: createLogger({ program: 'test', level: 'info', destination: { write } }),
  });
  loop.start();
  const minutes = async (count: number) => {
    for (let minute = 0; minute < count; minute += 1) {
      await settled();
      clock.advance(MINUTE);
    }
    await settled();
  };
  return { loop, seen, lines, minutes };
}

test('the first turn comes minutes after the start, the next ones every hour, each with one line', async () => {
  const { loop, seen, lines, minutes } = await started();
  await minutes(135);
  assert.deepEqual(seen.turns, [10, 70, 130]);
  assert.equal(lines.length, 3);
  const { snapshots, objects, bytes, keptSnapshots, unreadable } = lines[0] ?? {};
  assert.deepEqual([snapshots, objects, bytes, keptSnapshots, unreadable], [1, 2, 3, 4, 0]);
  await loop.stop();
});

test('while something is exchanged it waits a little and looks again', async () => {
  const { loop, seen, minutes } = await started();
  seen.may = false;
  await minutes(12);
  assert.deepEqual(seen.turns, []);
  seen.may = true;
  await minutes(1);
  assert.deepEqual(seen.turns, [13]);
  await loop.stop();
});

test('failures are told when they come again and again, until a turn succeeds', async () => {
  let isBroken = true;
  const { loop, seen, lines, minutes } = await started(async () => {
    if (isBroken) throw new OpenCraneError('permission_denied', 'forbidden', 'it answers 403');
    return pruned;
  });
  await minutes(75);
  assert.deepEqual([seen.turns.length, loop.trouble], [2, '']);
  await minutes(60);
  assert.deepEqual([seen.turns.length, loop.trouble, seen.told], [3, 'it answers 403', 3]);
  assert.equal(lines.length, 3);
  isBroken = false;
  await minutes(60);
  assert.equal(loop.trouble, '');
  await loop.stop();
});

test('a bucket that is away is the next turn’s, however long it is away', async () => {
  const { loop, seen, minutes } = await started(async () => {
    throw new OpenCraneError('unavailable', 'away', 'it answers 503');
  });
  await minutes(320);
  assert.deepEqual([seen.turns.length, loop.trouble], [6, '']);
  await loop.stop();
});
