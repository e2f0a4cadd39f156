import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
