import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SeenFile } from '../snapshot/seen-files.ts';
import { temporaryFolder } from '../testing.ts';
import type { FileEntry, LinkEntry } from '../tree/entries.ts';
import { giveOtherNames, type OtherName } from './other-names.ts';
import { loadTimes } from './times.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const time = { seconds: 1_795_514_400, nanoseconds: 123_456_789 };
const file: FileEntry = { kind: 'file', mode: 0o640, time, size: 7, chunkBytes: 4096, chunks: new Uint32Array(1) };
const link: LinkEntry = { kind: 'link', time, target: 'file' };

let folders = 0;
async function give(code: string | undefined, syncEach = false) {
  folders += 1;
  const root = join(folder.path, `${folders}`);
  mkdirSync(root);
  writeFileSync(join(root, 'file'), 'content');
  symlinkSync('file', join(root, 'link'));
  const names: OtherName[] = [
    { path: 'file two', first: 'file', entry: { ...file, sameAs: 'file' } },
    { path: 'link two', first: 'link', entry: { ...link, sameAs: 'link' } },
  ];
  const refuse = () => {
    throw Object.assign(new Error(`${code}: link`), { code });
  };
  const seen = new Map<string, SeenFile>();
  const ports = { root, times: await loadTimes(), syncEach, ...(code !== undefined && { link: refuse }) };
  return { root, seen, note: giveOtherNames(names, ports, seen) };
}

test('names are given, and what is seen of the file is what it looks like after', async () => {
  const { root, seen, note } = await give(undefined);
  assert.equal(note, undefined);
  for (const [one, other] of [
    ['file', 'file two'],
    ['link', 'link two'],
  ] as const) {
    const stats = lstatSync(join(root, one));
    assert.equal(lstatSync(join(root, other)).ino, stats.ino);
    for (const name of [one, other]) assert.equal(seen.get(name)?.[3], stats.ctimeMs);
  }
});

for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EXDEV', 'EMLINK']) {
  test(`where the file system says ${code} they are copies, with mode and time, and it is said`, async () => {
    const { root, note } = await give(code, code === 'EPERM');
    assert.equal(note, `2 of 2 hard links are copies, file two among them: the file system makes none (${code})`);
    assert.equal(readFileSync(join(root, 'file two'), 'utf8'), 'content');
    assert.equal(readlinkSync(join(root, 'link two')), 'file');
    const stats = lstatSync(join(root, 'file two'), { bigint: true });
    assert.deepEqual([stats.mode & 0o7777n, stats.mtimeNs], [0o640n, 1_795_514_400_123_456_789n]);
    assert.notEqual(stats.ino, lstatSync(join(root, 'file'), { bigint: true }).ino);
    assert.equal(lstatSync(join(root, 'link two'), { bigint: true }).mtimeNs, 1_795_514_400_123_456_789n);
  });
}

test('a full disk is no file system without hard links', async () => {
  await assert.rejects(give('ENOSPC'), { code: 'ENOSPC' });
});
