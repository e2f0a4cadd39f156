import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { digestOf, hexOf } from '@opencrane/kit/digest.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { openBucket } from '../bucket/open-bucket.ts';
import { downloadBundle } from '../runtime/bundle-download.ts';
import { FakeBlobs, flipByte } from '../runtime/testing.ts';
import { BundleKeeper } from './bundle-keeper.ts';
import { BundleShelf } from './bundle-shelf.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-bundles-'));
after(() => rm(root, { recursive: true, force: true }));
const log = createLogger({ program: 'test', level: 'silent' });
const { signal } = new AbortController();
const blob = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 251));
const bundle = { bundleDigest: digestOf(blob), bundleBytes: blob.length };

let folders = 0;
function newShelf(content = blob) {
  folders += 1;
  const path = join(root, `${folders}`);
  mkdirSync(path);
  const clock = new ManualClock();
  const bucket = openBucket({ kind: 'folder', path }, { clock, random: Math.random, newId: () => 'id' });
  const coordinator = new FakeBlobs(content);
  const shelf = new BundleShelf({ bucket, coordinator, onStep: () => {}, log });
  const file = join(path, 'runtime', `${hexOf(bundle.bundleDigest)}.tar.zst`);
  const download = async () => {
    const target = join(root, `download-${folders}`);
    const wanted = { digest: bundle.bundleDigest, bytes: bundle.bundleBytes };
    await downloadBundle({ blobs: shelf, clock, random: () => 0 }, wanted, target, () => {}, signal);
    return readFile(target);
  };
  return { path, shelf, coordinator, file, download };
}

test('a bundle is put into the bucket once, and read from there without a coordinator', async () => {
  const { shelf, coordinator, file, download } = newShelf();
  await shelf.put(bundle, signal);
  await shelf.put(bundle, signal);
  assert.deepEqual(coordinator.offsets, [0]);
  assert.deepEqual(await readFile(file), blob);
  assert.deepEqual(await download(), blob);
  assert.deepEqual(coordinator.offsets, [0], 'the coordinator was not asked again');
});

test('what the bucket lacks comes from the coordinator', async () => {
  const { coordinator, download } = newShelf();
  assert.deepEqual(await download(), blob);
  assert.deepEqual(coordinator.offsets, [0]);
});

const damages = [
  { reason: 'a flipped byte in the bucket', damage: async (file: string) => flipByte(file, 777) },
  { reason: 'a bundle that was cut short', damage: (file: string) => truncate(file, 40_000) },
  { reason: 'something else under its name', damage: (file: string) => writeFile(file, 'x'.repeat(blob.length)) },
];
for (const { reason, damage } of damages) {
  test(`${reason} is found before it is used; the coordinator’s copy is taken, and goes into the bucket`, async () => {
    const { shelf, file, download } = newShelf();
    await shelf.put(bundle, signal);
    await damage(file);
    assert.deepEqual(await download(), blob);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    await shelf.put(bundle, signal);
    assert.deepEqual(await readFile(file), blob);
  });
}

test('what a coordinator sends that is not the bundle never becomes an object', async () => {
  const { shelf, path } = newShelf(Buffer.alloc(blob.length, 'y'));
  await assert.rejects(shelf.put(bundle, signal), { reason: 'bundle_corrupt' });
  assert.deepEqual(await readdir(join(path, 'runtime')).catch(() => []), []);
});

test('the keeper keeps what serves and what served before, and nothing else', async () => {
  const { shelf, path } = newShelf();
  await shelf.put(bundle, signal);
  const other = Buffer.from('another bundle');
  const newer = new BundleShelf({
    bucket: openBucket({ kind: 'folder', path }, { clock: new ManualClock(), random: Math.random, newId: () => 'id' }),
    coordinator: new FakeBlobs(other),
    onStep: () => {},
    log,
  });
  const names = async () => (await readdir(join(path, 'runtime'))).toSorted();
  const nameOf = (content: Buffer) => `${hexOf(digestOf(content))}.tar.zst`;
  const serving = { bundleDigest: digestOf(other), bundleBytes: other.length };
  const keep = async (before: readonly ReturnType<typeof digestOf>[]) => {
    const clock = new ManualClock();
    const keeper = new BundleKeeper({
      shelf: newer,
      settled: () => serving,
      before: async () => before,
      clock,
      random: () => 0,
      log,
    });
    keeper.start();
    await awaitFact('the keeper rests', () => clock.sleeping > 0, { everyMillis: 0 });
    await keeper.stop();
  };
  await keep([digestOf(blob)]);
  assert.deepEqual(await names(), [nameOf(blob), nameOf(other)].toSorted());
  await keep([]);
  assert.deepEqual(await names(), [nameOf(other)]);
});
