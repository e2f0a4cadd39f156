import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeProcessLock } from './process-lock.ts';

test('what is no lock file is not taken for one that another process holds, and is left as it is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-lock-'));
  try {
    const path = join(folder, 'coordinator.lock');
    writeFileSync(path, 'garbage, and long enough to be looked at as a database'.repeat(20));
    const before = readFileSync(path);
    assert.throws(() => takeProcessLock(path, 'the coordinator'), {
      code: 'failed_precondition',
      reason: 'lock_unusable',
      field: path,
      mend: /removed/,
    });
    assert.deepEqual(readFileSync(path), before);
    mkdirSync(join(folder, 'folder.lock'));
    assert.throws(() => takeProcessLock(join(folder, 'folder.lock'), 'x'), { reason: 'lock_unusable' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a lock is taken on a disk without any room: who starts again there must be able to', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'oc-full-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
  t.after(() => {
    if (isMounted) assert.equal(spawnSync('umount', [folder]).status, 0);
    rmSync(folder, { recursive: true });
  });
  if (!isMounted) return t.skip('mounting a small disk takes root');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
  assert.equal(statfsSync(folder).bavail, 0);
  const lock = takeProcessLock(join(folder, 'lock'), 'a test');
  lock.release();
});
