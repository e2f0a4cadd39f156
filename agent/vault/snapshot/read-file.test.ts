import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { whyTooSparse } from './read-file.ts';
import { never, TestState } from './testing.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});
async function newState(): Promise<TestState> {
  const state = await TestState.make();
  states.push(state);
  return state;
}

const GIB = 1024n ** 3n;
const looks = [
  {
    reason: 'a file that is all there is read, however long',
    size: 900n * GIB,
    blocks: (900n * GIB) / 512n,
    isRead: true,
  },
  { reason: 'holes that cost seconds are read', size: 16n * GIB, blocks: 0n, isRead: true },
  { reason: 'holes that cost minutes are not', size: 17n * GIB, blocks: 8n, isRead: false },
  { reason: 'nor what is longer than a number of JavaScript counts', size: 2n ** 62n, blocks: 8n, isRead: false },
];
for (const { reason, size, blocks, isRead } of looks)
  test(reason, () => assert.equal(whyTooSparse({ size, blocks }) === undefined, isRead));

test('a file of 4 TiB without content is named, and all else is in the snapshot at once', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'sparse'), '');
  truncateSync(join(state.root, 'sparse'), 4 * 1024 ** 4);
  writeFileSync(join(state.root, 'beside'), 'content');
  const snapshotter = await state.open();
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.deepEqual(taken?.unread, [
    {
      path: 'sparse',
      why: 'it is sparse: 4096.0 GiB long, of which 0.0 GiB are on the disk; holes of more than 16.0 GiB are not read',
    },
  ]);
  const restored = await state.restore(taken.manifest);
  assert.equal(readFileSync(join(restored, 'beside'), 'utf8'), 'content');
});

test('a file that is deleted while it is read is let go', async () => {
  const state = await newState();
  const path = join(state.root, 'large');
  writeFileSync(path, '');
  truncateSync(path, 8 * 1024 ** 3); // zeros: they are read, and packed to nothing
  const snapshotter = await state.open();
  state.onStep = (step) => {
    if (step === 'snapshot:captured') setImmediate(() => rmSync(path));
  };
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.ok(taken);
  assert.deepEqual(readdirSync(await state.restore(taken.manifest)), [], 'it was read to its end');
});
