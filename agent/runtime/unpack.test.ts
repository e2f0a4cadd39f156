import assert from 'node:assert/strict';
import { lstat, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { encodeFrameHeader } from '@opencrane/kit/bundle-format.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import fc from 'fast-check';
import { unpackBundle } from './bundle-unpack.ts';
import { bundleOf, type TestEntry, tarOf, temporaryFolder } from './testing.ts';
import { type UnpackLimits, unpackLimits, unpackTree } from './unpack-tree.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;

async function unpack(bundle: Buffer, limits: UnpackLimits = unpackLimits): Promise<string> {
  count += 1;
  const file = join(folder.path, `${count}.bundle`);
  await writeFile(file, bundle);
  const tree = join(folder.path, `${count}`);
  await unpackTree(file, tree, limits, () => {});
  return tree;
}

test('what is packed comes out: folders, files, links, long paths, and who may be run', async () => {
  const deep = `${'a'.repeat(90)}/${'b'.repeat(90)}/${'c'.repeat(90)}/file`;
  const tree = await unpack(
    bundleOf(
      tarOf([
        { path: 'bin/', type: 'Directory' },
        { path: 'bin/openclaw', type: 'SymbolicLink', target: '../lib/run.mjs' },
        { path: 'lib/run.mjs', content: 'run', mode: 0o4777 },
        { path: 'lib/empty', content: '' },
        { path: deep, content: 'deep' },
      ]),
      777, // every header and body is cut somewhere
    ),
  );
  assert.equal(await readlink(join(tree, 'bin/openclaw')), '../lib/run.mjs');
  assert.equal(await readFile(join(tree, 'bin/openclaw'), 'utf8'), 'run');
  assert.equal(await readFile(join(tree, deep), 'utf8'), 'deep');
  assert.equal((await lstat(join(tree, 'lib/run.mjs'))).mode & 0o7777, 0o755, 'no set-user-id, no write for others');
  assert.equal((await lstat(join(tree, 'lib/empty'))).size, 0);
});

const hostile: readonly { reason: string; entries: readonly TestEntry[]; limits?: UnpackLimits }[] = [
  { reason: 'an absolute path', entries: [{ path: '/etc/passwd', content: 'x' }] },
  { reason: 'a path that climbs out', entries: [{ path: '../out', content: 'x' }] },
  { reason: 'a path that climbs out by a detour', entries: [{ path: 'a/../../out', content: 'x' }] },
  { reason: 'a path that climbs out in another system’s way', entries: [{ path: '..\\out', content: 'x' }] },
  { reason: 'an absolute link', entries: [{ path: 'a', type: 'SymbolicLink', target: '/etc' }] },
  { reason: 'a link out of the folder', entries: [{ path: 'a/b', type: 'SymbolicLink', target: '../../x' }] },
  {
    reason: 'a file written through a link, even one that stays inside',
    entries: [
      { path: 'real/', type: 'Directory' },
      { path: 'a', type: 'SymbolicLink', target: 'real' },
      { path: 'a/file', content: 'x' },
    ],
  },
  {
    reason: 'a second entry in the place of the first',
    entries: [
      { path: 'a', type: 'SymbolicLink', target: 'b' },
      { path: 'a', content: 'x' },
    ],
  },
  { reason: 'a hard link', entries: [{ path: 'a', type: 'Link', target: 'b' }] },
  { reason: 'a device', entries: [{ path: 'a', type: 'CharacterDevice' }] },
  { reason: 'a pipe', entries: [{ path: 'a', type: 'FIFO' }] },
  {
    reason: 'more entries than any OpenClaw has',
    entries: [{ path: 'a' }, { path: 'b' }, { path: 'c' }],
    limits: { entries: 2, bytes: 1000 },
  },
  {
    reason: 'more bytes than any OpenClaw has',
    entries: [
      { path: 'a', content: Buffer.alloc(600) },
      { path: 'b', content: Buffer.alloc(600) },
    ],
    limits: { entries: 10, bytes: 1000 },
  },
];

for (const { reason, entries, limits } of hostile) {
  test(`refused: ${reason}`, async () => {
    await assert.rejects(unpack(bundleOf(tarOf(entries)), limits));
    const outside = (await readdir(folder.path)).filter((name) => !/^\d+(\.bundle)?$/.test(name));
    assert.deepEqual(outside, [], 'nothing was written beside the tree');
  });
}

const whole = bundleOf(tarOf([{ path: 'a', content: Buffer.alloc(5000, 'a') }]), 2000);
const broken: readonly { reason: string; bundle: Buffer }[] = [
  { reason: 'no bundle at all', bundle: Buffer.from('not a bundle, but long enough to look') },
  { reason: 'an empty file', bundle: Buffer.alloc(0) },
  { reason: 'a file cut in a frame', bundle: whole.subarray(0, whole.length - 3) },
  {
    reason: 'a frame that unfolds to more than a frame may hold',
    bundle: ((packed) => Buffer.concat([encodeFrameHeader(packed.length), packed]))(
      zstdCompressSync(Buffer.alloc(64 * 1024 ** 2)),
    ),
  },
  {
    reason: 'an archive that ends in an entry',
    bundle: bundleOf(tarOf([{ path: 'a', content: 'abc' }]).subarray(0, 700)),
  },
];

for (const { reason, bundle } of broken) {
  test(`broken: ${reason}`, () => assert.rejects(unpack(bundle), { code: 'data_loss' }));
}

test('what is wrong comes through from the program that unpacks, whatever characters are in it', async () => {
  const file = join(folder.path, '0.bundle');
  await writeFile(file, bundleOf(tarOf([{ path: '../a\u2028b', content: 'x' }])));
  const unpacking = unpackBundle(file, join(folder.path, '0'), () => {}, new AbortController().signal);
  await assert.rejects(unpacking, { code: 'data_loss', message: /a\u2028b/ });
});

test('no change of one byte goes unnoticed: it is refused, or the digest differs (which is checked before)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ bits;
      assert.notEqual(digestOf(changed), digestOf(whole));
      await unpack(changed).catch(() => {}); // ends either way; the process lives
    }),
    { numRuns: 60 },
  );
});
