import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Clock, ManualClock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { downloadBundle } from './bundle-download.ts';
import { type Answer, FakeBlobs, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const blob = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
const cut = new OpenCraneError('unavailable', 'coordinator_unreachable', 'cut');
/** Sleeps take no time; what is waited for is counted. */
class ImpatientClock extends ManualClock implements Clock {
  sleeps = 0;
  override async sleep() {
    this.sleeps += 1;
  }
}

let count = 0;
async function download(blobs: FakeBlobs, options: { here?: Buffer; digest?: ReturnType<typeof digestOf> } = {}) {
  count += 1;
  const path = join(folder.path, `${count}`);
  if (options.here) await writeFile(path, options.here);
  const clock = new ImpatientClock();
  const seen: number[] = [];
  const wanted = { digest: options.digest ?? digestOf(blob), bytes: blob.length };
  const done = downloadBundle(
    { blobs, clock, random: () => 0.5 },
    wanted,
    path,
    (bytes) => seen.push(bytes),
    new AbortController().signal,
  );
  return { path, clock, seen, done };
}

const cases: readonly { reason: string; script: readonly Answer[]; here?: Buffer; offsets: readonly number[] }[] = [
  { reason: 'one answer is enough', script: [], offsets: [0] },
  { reason: 'a cut download goes on where it was', script: [{ bytes: 3500, failure: cut }], offsets: [0, 3500] },
  { reason: 'an answer that ends early is a cut too', script: [{ bytes: 3500 }], offsets: [0, 3500] },
  {
    reason: 'a coordinator that is away is waited for',
    script: [
      { bytes: 0, failure: cut },
      { bytes: 0, failure: cut },
    ],
    offsets: [0, 0, 0],
  },
  { reason: 'what an earlier agent fetched counts', script: [], here: blob.subarray(0, 4000), offsets: [4000] },
  { reason: 'a whole file needs nobody', script: [], here: blob, offsets: [] },
  {
    reason: 'a file that is too long is not a part of it',
    script: [],
    here: Buffer.concat([blob, blob]),
    offsets: [0],
  },
  {
    reason: 'a wrong part is found by the digest, and all is fetched anew',
    script: [],
    here: Buffer.alloc(4000, 'wrong'),
    offsets: [4000, 0],
  },
];

for (const { reason, script, here, offsets } of cases) {
  test(reason, async () => {
    const blobs = new FakeBlobs(blob, script);
    const { path, done } = await download(blobs, here && { here });
    await done;
    assert.deepEqual(await readFile(path), blob);
    assert.deepEqual(blobs.offsets, offsets);
  });
}

test('a bundle that is corrupt at the coordinator is fetched twice, refused, and leaves nothing', async () => {
  const corrupt = Buffer.from(blob);
  corrupt[5000] = (corrupt[5000] ?? 0) ^ 1;
  const blobs = new FakeBlobs(corrupt);
  const { path, done } = await download(blobs);
  await assert.rejects(done, { reason: 'bundle_corrupt', code: 'data_loss' });
  assert.deepEqual(blobs.offsets, [0, 0]);
  assert.equal(existsSync(path), false);
});

test('a coordinator without the bundle is not asked for ever', async () => {
  const unknown = new OpenCraneError('not_found', 'blob_unknown', 'no such blob');
  const { done } = await download(new FakeBlobs(blob, [{ bytes: 0, failure: unknown }]));
  await assert.rejects(done, { reason: 'blob_unknown' });
});

test('it only waits when nothing came', async () => {
  const script = [
    { bytes: 3000, failure: cut },
    { bytes: 0, failure: cut },
  ];
  const { clock, done, seen } = await download(new FakeBlobs(blob, script));
  await done;
  assert.equal(clock.sleeps, 1);
  assert.equal(seen.at(-1), blob.length);
});
