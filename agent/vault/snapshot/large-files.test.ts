/** Large files are read a part at a time: nothing waits behind one, and none is lost on the way. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { readManifest } from '../format/manifest.ts';
import { findSnapshot } from '../history/find-snapshot.ts';
import { Pruner } from '../prune/prune.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { verify } from '../verify/verify.ts';
import { LargeOrder } from './large-files.ts';
import { ReadingProgress } from './reading-progress.ts';
import type { Snapshotter } from './snapshotter.ts';
import { never, TestState } from './testing.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});
const MIB = 1024 * 1024;
/** A turn that is over at once: 16 MiB a snapshot. */
const short = { largeMillis: 0 };

async function newState() {
  const state = await TestState.make();
  states.push(state);
  const at = (path: string) => join(state.root, path);
  return { state, at };
}

/** Writes a file of which no two chunks are equal. */
function writeLarge(path: string, mebibytes: number): void {
  const file = openSync(path, 'w');
  const block = randomBytes(MIB);
  try {
    for (let at = 0; at < mebibytes * 4; at += 1) {
      randomBytes(16).copy(block, (at % 4) * 256 * 1024);
      if (at % 4 === 3) writeSync(file, block);
    }
  } finally {
    closeSync(file);
  }
}

const change = { reason: 'change', openclawVersion: null } as const;

/** Takes snapshots until there is nothing left to read; returns how many that were. */
async function readOn(snapshotter: Snapshotter): Promise<number> {
  for (let count = 0; ; count += 1) {
    if (!snapshotter.isBehind) return count;
    assert.ok(count < 50, 'it comes to an end');
    await snapshotter.snapshot({ ...change, within: [] }, never);
  }
}

async function newest(state: TestState) {
  return (await findSnapshot(state.vault, { by: 'newest' })) ?? assert.fail('there is none');
}

async function assertNewest(state: TestState, expected: Readonly<Record<string, string | Buffer>>): Promise<void> {
  const restored = await state.restore((await newest(state)).name);
  for (const [path, content] of Object.entries(expected))
    assert.ok(readFileSync(join(restored, path)).equals(Buffer.from(content)), path);
}

/** The notes of the newest snapshot. */
async function notes(state: TestState): Promise<string[]> {
  const found: string[] = [];
  for await (const rows of (await readManifest(state.vault, await newest(state))).rows())
    for (const row of rows) if (row[0] === '?') found.push(`${row[1]}: ${row[2]}`);
  return found;
}

test('what else there is is stored first; the file comes whole, a part with each snapshot, and is named until then', async () => {
  const { state, at } = await newState();
  writeLarge(at('large'), 60);
  writeFileSync(at('small'), 'first');
  const snapshotter = await state.open(short);
  await snapshotter.snapshot(change, never);
  await assertNewest(state, { small: 'first' });
  assert.deepEqual(await notes(state), ['large: it takes long to read: 0.02 of 0.06 GiB so far']);
  assert.deepEqual(
    snapshotter.slow.map(({ path, doneBytes, totalBytes }) => [path, doneBytes, totalBytes]),
    [['large', 16 * MIB, 60 * MIB]],
  );
  writeFileSync(at('small'), 'second');
  await snapshotter.snapshot({ ...change, within: [''] }, never);
  await assertNewest(state, { small: 'second' });
  assert.equal(await readOn(snapshotter), 2);
  assert.deepEqual([await notes(state), snapshotter.slow, snapshotter.unread], [[], [], []]);
  await state.assertNewestIsNow();
  assert.equal(await snapshotter.snapshot(change, never), undefined, 'all of it is stored');
});

test('until a file is whole its old content stays; one that is removed meanwhile is let go', async () => {
  const { state, at } = await newState();
  writeFileSync(at('large'), 'old');
  const snapshotter = await state.open(short);
  await snapshotter.snapshot(change, never);
  writeLarge(at('large'), 40);
  await snapshotter.snapshot(change, never);
  await assertNewest(state, { large: 'old' });
  rmSync(at('large'));
  await snapshotter.snapshot({ ...change, within: [] }, never);
  assert.deepEqual([snapshotter.isBehind, snapshotter.slow], [false, []]);
  await state.assertNewestIsNow();
});

test('whoever asks for a snapshot gets one with all of it', async () => {
  const { state, at } = await newState();
  writeLarge(at('large'), 40);
  writeLarge(at('other'), 20);
  const snapshotter = await state.open(short);
  const taken = await snapshotter.snapshot({ reason: 'drain', openclawVersion: null }, never);
  assert.equal(snapshotter.isBehind, false);
  assert.equal((await newest(state)).name, taken?.manifest);
  await state.assertNewestIsNow();
});

test('a log that grows all the while does not keep it from coming to an end', async () => {
  const { state, at } = await newState();
  writeLarge(at('log'), 20);
  writeLarge(at('other'), 40);
  const snapshotter = await state.open(short);
  state.onStep = (step) => {
    if (step === 'snapshot:scanned') appendFileSync(at('log'), 'a line more\n');
  };
  await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
  state.onStep = () => {};
  assert.equal(snapshotter.isBehind, false);
  await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
  await state.assertNewestIsNow();
});

test('one that grows faster than it is read is stored as long as it was when it was begun, and whoever asked waits no longer', async () => {
  const { state, at } = await newState();
  writeLarge(at('log'), 40);
  const begun = readFileSync(at('log'));
  const snapshotter = await state.open(short);
  let looks = 0;
  state.onStep = (step) => {
    if (step !== 'snapshot:scanned') return;
    looks += 1;
    assert.ok(looks < 10, 'it comes to an end');
    if (looks > 1) appendFileSync(at('log'), randomBytes(17 * MIB));
  };
  const taken = await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
  state.onStep = () => {};
  assert.deepEqual([looks, taken?.unsteady], [3, ['log']]);
  await assertNewest(state, { log: begun });
  await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
  await state.assertNewestIsNow();
});

const meanwhile = [
  { reason: 'it is written to', make: (path: string) => writeAt(path, 5, 'new') },
  { reason: 'it grows', make: (path: string) => appendFileSync(path, randomBytes(3 * MIB)) },
  { reason: 'it is cut shorter than what was read', make: (path: string) => truncateSync(path, MIB) },
  { reason: 'only its time changes', make: (path: string) => utimesSync(path, 1000, 1000) },
  {
    reason: 'another file takes its place',
    make(path: string) {
      writeLarge(`${path}.new`, 36);
      renameSync(`${path}.new`, path);
    },
  },
  { reason: 'it gets another name', make: (path: string) => linkSync(path, `${path}.also`) },
];
for (const { reason, make } of meanwhile) {
  test(`while it is being read ${reason}: what is stored in the end is what is there`, async () => {
    const { state, at } = await newState();
    writeLarge(at('large'), 40);
    const snapshotter = await state.open(short);
    await snapshotter.snapshot(change, never);
    assert.ok(snapshotter.isBehind);
    make(at('large'));
    for (let looks = 0; looks < 2; looks += 1) {
      await snapshotter.snapshot(change, never); // the folder was heard of
      await readOn(snapshotter);
    }
    await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
    await state.assertNewestIsNow();
  });
}

test('what was read is kept through full manifests and pruning, and an agent that starts again begins anew', async () => {
  const { state, at } = await newState();
  writeLarge(at('large'), 80);
  let days = 0;
  const clock = { ...systemClock, now: () => Date.now() + days * 86_400_000 }; // a day begins with a full manifest
  const snapshotter = await state.open({ ...short, clock });
  const pruner = new Pruner(state.vault);
  const retention = { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 };
  let fulls = 0;
  for (let count = 0; snapshotter.isBehind || count === 0; count += 1) {
    await snapshotter.snapshot(change, never);
    days += count % 2;
    const pruned = { retention, pinned: new Set<never>(), dryRun: false };
    await pruner.prune(pruned, { clock: systemClock, assertHeld: () => {}, onStep: () => {}, report: () => {} }, never);
    if (count > 0 && (await newest(state)).depth === 0) fulls += 1;
  }
  assert.ok(fulls > 0, 'a full manifest came in between');
  assert.deepEqual((await verify(state.vault, undefined, () => {}, never)).damaged, []);
  await state.assertNewestIsNow();
  writeLarge(at('another'), 40);
  await snapshotter.snapshot(change, never);
  const next = await state.open(short);
  assert.equal(next.isBehind, false);
  await next.snapshot(change, never);
  await readOn(next);
  await state.assertNewestIsNow();
  const { tree } = await loadSnapshot(state.vault, await newest(state));
  assert.equal(tree.entries.has('another'), true);
});

test('a snapshot that fails takes nothing of what was read before with it', async () => {
  const { state, at } = await newState();
  writeLarge(at('large'), 50);
  const snapshotter = await state.open(short);
  await snapshotter.snapshot(change, never);
  for (const object of ['create vault/packs', 'create vault/manifests', 'replace vault/head']) {
    state.bucket.onCall = (call) => {
      if (call.startsWith(object)) throw new Error('the bucket is away');
    };
    await assert.rejects(snapshotter.snapshot({ ...change, within: [] }, never));
    state.bucket.onCall = () => {};
  }
  await readOn(snapshotter);
  await state.assertNewestIsNow();
  assert.deepEqual((await verify(state.vault, undefined, () => {}, never)).damaged, []);
});

test('one file under several names is read once, and comes as one', async () => {
  const { state, at } = await newState();
  writeLarge(at('a'), 40);
  linkSync(at('a'), at('b'));
  const snapshotter = await state.open(short);
  const first = await snapshotter.snapshot(change, never);
  assert.equal(first?.changedBytes, 16 * MIB);
  await readOn(snapshotter);
  const restored = await state.restore((await newest(state)).name);
  assert.equal(statSync(join(restored, 'a')).ino, statSync(join(restored, 'b')).ino);
  await state.assertNewestIsNow();
});

for (const waits of [false, true]) {
  test(`names of a file that is ${waits ? 'waiting' : 'begun'} are all found again, though no tree has them yet and nothing is heard of their folders`, async () => {
    const { state, at } = await newState();
    mkdirSync(at('e/f'), { recursive: true });
    const snapshotter = await state.open(short);
    await snapshotter.snapshot(change, never);
    writeLarge(at('large'), 40);
    linkSync(at('large'), at('e/f/large'));
    if (waits) writeLarge(at('a'), 17);
    await snapshotter.snapshot({ ...change, within: ['', 'e/f'] }, never);
    await readOn(snapshotter); // hears of nothing
    await state.assertNewestIsNow();
  });
}

test('a file that gets the inode of one that was begun, and removed, is begun anew', async (t) => {
  const { state, at } = await newState();
  const snapshotter = await state.open(short);
  writeLarge(at('old'), 40);
  const { ino } = statSync(at('old'));
  await snapshotter.snapshot(change, never);
  rmSync(at('old'));
  let tries = 0;
  do writeFileSync(at(`new-${tries++}`), '');
  while (statSync(at(`new-${tries - 1}`)).ino !== ino && tries < 50);
  const name = `new-${tries - 1}`;
  if (statSync(at(name)).ino !== ino) return t.skip('this file system does not give a number again so soon');
  writeLarge(at(name), 30);
  const content = readFileSync(at(name));
  for (let count = 0; count === 0 || snapshotter.isBehind; count += 1) {
    await snapshotter.snapshot({ ...change, within: [''] }, never);
    const restored = join(await state.restore((await newest(state)).name), name);
    assert.ok(!existsSync(restored) || readFileSync(restored).equals(content), 'never a part of the other file');
  }
  await assertNewest(state, { [name]: content });
  return undefined;
});

test('those that are begun come first, then those that were not read for longest', () => {
  const order = new LargeOrder();
  const all = new Set(['a', 'b', 'c', 'd']);
  const begun = {
    list: undefined as never,
    place: 1,
    size: 2,
    stats: undefined as never,
    isSteady: true,
    names: ['d'],
  };
  order.wasRead('b');
  order.wasRead('a');
  assert.deepEqual(order.of(all, new Map([['d', begun]])), ['d', 'c', 'b', 'a']);
  order.wasRead('c');
  assert.deepEqual(order.of(all, new Map()), ['d', 'b', 'a', 'c']);
});

test('a file that takes long is told of after some seconds, now and then', () => {
  let [now, told] = [0, 0];
  const progress = new ReadingProgress({ monotonic: () => now }, () => {
    told += 1;
  });
  for (now = 0; now <= 12_000; now += 100) progress.at('large', now, 20_000);
  assert.equal(told, 2);
  assert.deepEqual(progress.files, [{ path: 'large', doneBytes: 12_000, totalBytes: 20_000, sinceMillis: 0 }]);
  progress.keepOnly(new Set(['other']));
  assert.deepEqual(progress.files, []);
});

function writeAt(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, text, position);
  } finally {
    closeSync(file);
  }
}
