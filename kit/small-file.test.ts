import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeSmallFile } from './small-file.ts';

function makeFolder(t: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'oc-small-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a file that says so already is not touched, and any other is replaced whole', async (t) => {
  const path = join(makeFolder(t), 'pid');
  await writeSmallFile(path, '17\n');
  const { ino } = statSync(path);
  await writeSmallFile(path, '17\n');
  assert.equal(statSync(path).ino, ino);
  await writeSmallFile(path, '18\n');
  assert.notEqual(statSync(path).ino, ino);
  assert.equal(readFileSync(path, 'utf8'), '18\n');
});

test('on a full disk a file is written over, and one that is not there is told of', async (t) => {
  const folder = makeFolder(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]).status !== 0) {
    return t.skip('mounting a small disk takes root');
  }
  try {
    const path = join(folder, 'pid');
    writeFileSync(path, '123456\n');
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
    await writeSmallFile(path, '78\n');
    assert.equal(readFileSync(path, 'utf8'), '78\n');
    await assert.rejects(writeSmallFile(join(folder, 'new'), '78\n'), { code: 'ENOSPC' });
    assert.deepEqual(readdirSync(folder).toSorted(), ['filler', 'pid']);
  } finally {
    assert.equal(spawnSync('umount', [folder]).status, 0);
  }
});
