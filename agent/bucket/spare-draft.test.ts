import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { link, readdir, rename, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import type { Generation } from './bucket.ts';
import { DirectoryBucket } from './directory-bucket.ts';
import { parseObjectName } from './layout.ts';

const open = (path: string) => new DirectoryBucket(path, { clock: systemClock, random: Math.random });
const text = (content: string) => new TextEncoder().encode(content);
const lease = parseObjectName('vault/lease');

/** A bucket that was written to on a disk that is full now; undefined, and why, where none can be mounted. */
async function fullBucket(
  t: TestContext,
): Promise<{ path: string; made: Generation; generation: Generation } | undefined> {
  const path = mkdtempSync(join(tmpdir(), 'oc-spare-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { encoding: 'utf8' });
  t.after(() => {
    if (status === 0) assert.equal(spawnSync('umount', ['-l', path]).status, 0);
    rmdirSync(path);
  });
  if (status !== 0) return t.skip(`mounting a small disk needs root on Linux: ${stderr}`) ?? undefined;
  const bucket = open(path);
  const made = await bucket.create(lease, text('renewal 0'));
  assert.ok(made !== 'exists');
  const generation = await bucket.replace(lease, text('renewal 1'), made);
  assert.ok(generation !== 'conflict');
  const { bavail, bsize } = await statfs(path);
  await writeFile(join(path, '~filler'), Buffer.alloc(bavail * bsize));
  return { path, made, generation };
}

test('on a full disk a small object is replaced all the same, again and again', async (t) => {
  const full = await fullBucket(t);
  if (full === undefined) return;
  const { path, made } = full;
  let { generation } = full;
  const one = open(path);
  const refused = { code: 'resource_exhausted', reason: 'bucket_full' };
  await assert.rejects(one.create(parseObjectName('vault/packs/a'), text('x')), refused);
  await assert.rejects(one.replace(lease, new Uint8Array(5_000), generation), refused, 'a large one is not');
  const seen = new Set([made, generation]);
  for (let renewal = 2; renewal < 7; renewal += 1) {
    const bucket = renewal % 2 === 0 ? one : open(path); // another process has the spare of the one before
    const content = `renewal ${renewal}${', of another length'.repeat(renewal % 3)}`;
    const old = generation;
    const replaced = await bucket.replace(lease, text(content), old);
    assert.ok(replaced !== 'conflict' && !seen.has(replaced), 'no generation is given twice');
    seen.add(replaced);
    generation = replaced;
    assert.equal(await bucket.replace(lease, text('late'), old), 'conflict');
    const read = await one.read(lease);
    assert.equal(Buffer.from(read?.bytes ?? '').toString(), content);
    assert.equal(read?.generation, generation);
  }
  const objects = await Array.fromAsync(one.list(''), ({ name }) => name);
  assert.deepEqual(objects, [lease]);
});

const crashes: readonly { reason: string; leave: (path: string) => Promise<void> }[] = [
  {
    reason: 'before the name has changed hands',
    leave: (path) => link(join(path, 'vault/lease'), join(path, '~spare-next')),
  },
  { reason: 'after that', leave: (path) => rename(join(path, '~spare'), join(path, '~spare-next')) },
];

for (const { reason, leave } of crashes) {
  test(`a crash in the middle, ${reason}: the object is whole, and can be replaced again`, async (t) => {
    const full = await fullBucket(t);
    if (full === undefined) return;
    const { path, generation } = full;
    await leave(path);
    const second = await open(path).replace(lease, text('two'), generation);
    assert.ok(second !== 'conflict');
    assert.notEqual(await open(path).replace(lease, text('three'), second), 'conflict');
    assert.deepEqual((await open(path).read(lease))?.bytes, Buffer.from('three'));
    assert.deepEqual((await readdir(path)).toSorted(), ['vault', '~drafts', '~filler', '~lock', '~spare']);
  });
}
