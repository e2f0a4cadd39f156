import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { OpenCraneError, toOpenCraneError } from './errors.ts';
import { isLackOfTheMachine } from './system-error.ts';

const system = (code: string, errno: number) => Object.assign(new Error(`${code}: x`), { code, errno });

const rows = [
  { reason: 'a full disk', thrown: system('ENOSPC', -28), is: ['resource_exhausted', 'disk_full'] },
  {
    reason: 'a quota, of which Node knows only the number',
    thrown: system('Unknown system error -122', -122),
    is: ['resource_exhausted', 'disk_full'],
  },
  { reason: 'no more open files', thrown: system('EMFILE', -24), is: ['resource_exhausted', 'too_many_files'] },
  {
    reason: 'a file system that became read-only',
    thrown: system('EROFS', -30),
    is: ['permission_denied', 'disk_read_only'],
  },
  {
    reason: 'SQLite of Node has numbers only',
    thrown: Object.assign(new Error('full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 }),
    is: ['resource_exhausted', 'disk_full'],
  },
  {
    reason: 'a file that is not there says nothing about the machine',
    thrown: system('ENOENT', -2),
    is: ['internal', 'internal'],
  },
] as const;

for (const { reason, thrown, is } of rows) {
  test(reason, () => {
    const error = toOpenCraneError(thrown, 'writing');
    assert.deepEqual([error.code, error.reason], is);
    assert.match(error.message, /^writing: /);
    const lacks = is[0] !== 'internal';
    assert.equal(error.mend !== '', lacks);
    assert.equal(isLackOfTheMachine(new OpenCraneError('internal', 'x', 'from above', { cause: thrown })), lacks);
  });
}

test('a program that gives such an error on as text is understood', () => {
  assert.ok(isLackOfTheMachine(new Error('config.patch: ENOSPC: no space left on device, write')));
  assert.ok(!isLackOfTheMachine(new Error('gateway.port: expected number')));
});

test('the numbers are those of the real thing', (t) => {
  const at = mkdtempSync(join(tmpdir(), 'oc-full-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', at]).status !== 0) {
    rmdirSync(at);
    return t.skip('mounting a small disk takes root');
  }
  let database: DatabaseSync | undefined;
  t.after(() => {
    database?.close();
    assert.equal(spawnSync('umount', [at]).status, 0);
    rmdirSync(at);
  });
  const fills = () => writeFileSync(join(at, 'large'), Buffer.alloc(1 << 20));
  assert.throws(fills, (thrown) => toOpenCraneError(thrown, 'x').reason === 'disk_full');
  const opened = new DatabaseSync(join(at, 'd.sqlite'));
  database = opened;
  assert.throws(() => opened.exec('CREATE TABLE t (a)'), isLackOfTheMachine);
});
