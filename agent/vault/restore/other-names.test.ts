import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

test('where link(2) follows symbolic links, the other names of one are links of the same target, also where it leads nowhere', async () => {
  const root = join(folder.path, 'follows');
  mkdirSync(root);
  writeFileSync(join(root, 'file'), 'content');
  symlinkSync('file', join(root, 'a'));
  symlinkSync('no/where', join(root, 'b'));
  const names: OtherName[] = [
    { path: 'a two', first: 'a', entry: { ...link, sameAs: 'a' } },
    { path: 'b two', first: 'b', entry: { ...link, target: 'no/where', sameAs: 'b' } },
    { path: 'file two', first: 'file', entry: { ...file, sameAs: 'file' } },
  ];
  const ports = {
    ...{ root, times: await loadTimes(), syncEach: false, followsLinks: true },
    link: (existing: string | Buffer, name: string | Buffer) => linkSync(realpathSync(existing), name), // as macOS does
  };
  const note = giveOtherNames(names, ports, new Map());
  assert.equal(note, '2 of 3 hard links are copies, a two among them: the file system makes none (of symbolic links)');
  assert.equal(readlinkSync(join(root, 'a two')), 'file');
  assert.equal(readlinkSync(join(root, 'b two')), 'no/where');
  assert.equal(lstatSync(join(root, 'b two'), { bigint: true }).mtimeNs, 1_795_514_400_123_456_789n);
  assert.equal(lstatSync(join(root, 'file two')).ino, lstatSync(join(root, 'file')).ino);
});

for (const mode of [0o444, 0o200, 0o000]) {
  test(`a file of mode ${mode.toString(8).padStart(3, '0')} is copied by an owner who is not root`, async (t) => {
    const { getuid, seteuid } = process;
    if (getuid?.() !== 0 || seteuid === undefined) return t.skip('becoming another user takes root');
    const root = join(folder.path, `mode-${mode}`);
    mkdirSync(root);
    writeFileSync(join(root, 'file'), 'content');
    for (const path of [folder.path, root, join(root, 'file')]) chownSync(path, 65_534, 65_534);
    chmodSync(join(root, 'file'), mode);
    const refuse = () => {
      throw Object.assign(new Error('EPERM: link'), { code: 'EPERM' });
    };
    const names: OtherName[] = [{ path: 'two', first: 'file', entry: { ...file, mode, sameAs: 'file' } }];
    const ports = { root, times: await loadTimes(), syncEach: true, link: refuse };
    seteuid(65_534);
    try {
      giveOtherNames(names, ports, new Map());
    } finally {
      seteuid(0);
    }
    assert.equal(readFileSync(join(root, 'two'), 'utf8'), 'content');
    for (const name of ['file', 'two']) assert.equal(lstatSync(join(root, name)).mode & 0o7777, mode, name);
    return undefined;
  });
}
