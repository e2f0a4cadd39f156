import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { hexOf } from '@opencrane/kit/digest.ts';
import { InstalledRuntimes } from './installed-runtimes.ts';
import { bundleOf, FakeBlobs, tarOf, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const entry = 'lib/node_modules/openclaw/openclaw.mjs';
const bundle = bundleOf(
  tarOf([
    { path: entry, content: 'run' },
    ...Array.from({ length: 200 }, (_, index) => ({ path: `lib/${index}`, content: Buffer.alloc(5000, index) })),
  ]),
  50_000,
);
const wanted = (blobs: FakeBlobs) => ({ version: '1', bundleDigest: blobs.digest, bundleBytes: bundle.length });

let count = 0;
async function runtimes(blob: Buffer = bundle, at?: string) {
  count += 1;
  const path = at ?? join(folder.path, `${count}`);
  await mkdir(path, { recursive: true });
  const blobs = new FakeBlobs(blob);
  const agent = () => new InstalledRuntimes(path, { blobs, clock: systemClock, random: () => 0 });
  const abort = new AbortController();
  const steps: string[] = [];
  const report = (step: string) => steps.at(-1) !== step && steps.push(step);
  return { path, blobs, agent, abort, steps, report };
}

/** What is in the folder besides the lock, which is a file that stays. */
/** What is there beside the lock and the compile cache. */
const left = async (path: string) =>
  (await readdir(path)).filter((name) => !/^(lock|compile-cache$)/.test(name)).sort();

test('it is fetched, checked, unpacked, and the bundle goes; a second time it is there', async () => {
  const { agent, blobs, path, report, abort, steps } = await runtimes();
  const installed = await agent().ensure(wanted(blobs), report, abort.signal);
  assert.equal(installed.directory, join(path, hexOf(blobs.digest)));
  assert.equal(await readFile(join(installed.directory, entry), 'utf8'), 'run');
  assert.deepEqual(steps, ['download', 'unpack']);
  assert.deepEqual(await left(path), [hexOf(blobs.digest)]);
  assert.deepEqual(await agent().ensure(wanted(blobs), report, abort.signal), installed);
  assert.deepEqual(blobs.offsets, [0], 'the second time needs no coordinator');
});

test('agents of one machine that want the same fetch it once', async () => {
  const { agent, blobs, path, report, abort } = await runtimes();
  const all = await Promise.all([1, 2, 3].map(() => agent().ensure(wanted(blobs), report, abort.signal)));
  assert.equal(new Set(all.map(({ directory }) => directory)).size, 1);
  assert.deepEqual(blobs.offsets, [0]);
  assert.deepEqual(await left(path), [hexOf(blobs.digest)]);
});

test('a hostile bundle with the right digest is refused, and nothing of it stays', async () => {
  const { agent, blobs, path, report, abort } = await runtimes(bundleOf(tarOf([{ path: '../../out', content: 'x' }])));
  const ensured = agent().ensure(
    { ...wanted(blobs), bundleBytes: bundleOf(tarOf([{ path: '../../out', content: 'x' }])).length },
    report,
    abort.signal,
  );
  await assert.rejects(ensured, { reason: 'bundle_refused', code: 'data_loss' });
  assert.deepEqual(await left(path), []);
  assert.equal(existsSync(join(path, '..', 'out')) || existsSync(join(folder.path, '..', 'out')), false);
});

/** Kills unpacking processes in the middle: each of them, or only the first. */
async function withKills<T>(only: { once?: string }, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, { OPENCRANE_FAULT_AT: 'unpack:part' }, only.once && { OPENCRANE_FAULT_ONCE: only.once });
  try {
    return await work();
  } finally {
    delete process.env['OPENCRANE_FAULT_AT'];
    delete process.env['OPENCRANE_FAULT_ONCE'];
  }
}

test('kill -9 of the unpacking process: it is done again, without another download', async () => {
  const { agent, blobs, path, report, abort } = await runtimes();
  const once = join(folder.path, 'killed');
  await withKills({ once }, () => agent().ensure(wanted(blobs), report, abort.signal));
  assert.ok(existsSync(once));
  assert.deepEqual(blobs.offsets, [0]);
  assert.deepEqual(await left(path), [hexOf(blobs.digest)]);
});

test('an unpacking process that is killed each time is told as such; the bundle stays for the next try', async () => {
  const { agent, blobs, path, report, abort } = await runtimes();
  const ensured = withKills({}, () => agent().ensure(wanted(blobs), report, abort.signal));
  await assert.rejects(ensured, { reason: 'unpack_ended', message: /SIGKILL/ });
  assert.deepEqual(await left(path), [`${hexOf(blobs.digest)}.download`]);
});

test('what an agent that was killed left half unpacked goes, and does not count as there', async () => {
  const { agent, blobs, path, report, abort } = await runtimes();
  const hex = hexOf(blobs.digest);
  await mkdir(join(path, `${hex}.partial-0123`, 'lib'), { recursive: true });
  await mkdir(join(path, hex, 'lib'), { recursive: true }); // no marker: a removal that was cut off
  await writeFile(join(path, `${hex}.download`), bundle.subarray(0, 1000));
  const { directory } = await agent().ensure(wanted(blobs), report, abort.signal);
  assert.equal(await readFile(join(directory, entry), 'utf8'), 'run');
  assert.deepEqual(blobs.offsets, [1000]);
  assert.deepEqual(await left(path), [hex]);
});

test('an agent that stops while it unpacks takes the process with it', async () => {
  const { agent, blobs, path, report, abort } = await runtimes();
  const stopping = (step: string) => {
    report(step);
    if (step === 'unpack') abort.abort();
  };
  await assert.rejects(agent().ensure(wanted(blobs), stopping, abort.signal), { name: 'AbortError' });
  assert.deepEqual(await left(path), [`${hexOf(blobs.digest)}.download`]);
});

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

for (const { reason, size } of [
  { reason: 'while it downloads', size: '64k' },
  { reason: 'while it unpacks', size: '600k' },
]) {
  test(`a full disk ${reason} is said, and gets its room back`, {
    skip: !isRoot && 'mounting a small disk takes root',
  }, async (t) => {
    const at = join(folder.path, `disk-${size}`);
    await mkdir(at);
    const noise = Buffer.from(Array.from({ length: 150_000 }, (_, index) => (index * 2_654_435_761) >>> 13));
    const blob = bundleOf(
      tarOf([
        { path: entry, content: noise },
        { path: 'zeros', content: Buffer.alloc(3_000_000) },
      ]),
    );
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at]).status, 0);
    t.after(() => assert.equal(spawnSync('umount', [at]).status, 0));
    const { agent, blobs, report, abort } = await runtimes(blob, at);
    const ensured = agent().ensure({ ...wanted(blobs), bundleBytes: blob.length }, report, abort.signal);
    await assert.rejects(ensured, { code: 'resource_exhausted', reason: 'disk_full' });
    assert.deepEqual(await left(at), []);
  });
}
