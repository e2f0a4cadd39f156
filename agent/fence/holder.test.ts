import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { forgetHolder, readHolder } from './holder.ts';

const root = mkdtempSync(join(tmpdir(), 'oc-holder-'));
after(() => rmSync(root, { recursive: true }));

function disk(name: string): { readonly folder: string; readonly file: string } {
  const folder = join(root, name);
  mkdirSync(folder);
  return { folder, file: join(folder, 'holder') };
}

test('a disk keeps its id, which is made once and is nobody else’s to read', async () => {
  const { file } = disk('one');
  const id = await readHolder(file, randomUUID);
  assert.equal(await readHolder(file, randomUUID), id);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.notEqual(id, await readHolder(disk('two').file, randomUUID));
});

test('a copy of the folder is another disk; a folder that is moved stays the one it was', async () => {
  const { folder, file } = disk('three');
  const id = await readHolder(file, randomUUID);
  cpSync(folder, join(root, 'copy'), { recursive: true, preserveTimestamps: true });
  assert.equal(readFileSync(join(root, 'copy', 'holder'), 'utf8'), readFileSync(file, 'utf8'));
  assert.notEqual(await readHolder(join(root, 'copy', 'holder'), randomUUID), id);
  renameSync(folder, join(root, 'moved'));
  assert.equal(await readHolder(join(root, 'moved', 'holder'), randomUUID), id);
});

test('a disk that is made another one has another id from then on', async () => {
  const { file } = disk('four');
  const id = await readHolder(file, randomUUID);
  await forgetHolder(file);
  await forgetHolder(file);
  assert.notEqual(await readHolder(file, randomUUID), id);
});

test('a damaged id is not guessed at, and not written over', async () => {
  const { file } = disk('five');
  writeFileSync(file, '');
  await assert.rejects(readHolder(file, randomUUID), { code: 'data_loss', reason: 'disk_id_damaged', field: file });
  assert.equal(readFileSync(file, 'utf8'), '');
});
