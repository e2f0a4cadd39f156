import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeArchive } from './archive-file.ts';
import type { PutPiece } from './vault.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'archive-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function fill(put: PutPiece): Promise<string> {
  for (const text of ['one ', 'two ', 'three']) await put(Buffer.from(text));
  return 'filled';
}

async function breakOff(put: PutPiece): Promise<never> {
  await put(Buffer.from('half'));
  throw new Error('the agent went away');
}

test('the archive is whole under its name, private, and nothing else is left', async (t) => {
  const path = join(folder(t), 'a.tar');
  assert.equal(await writeArchive(path, fill), 'filled');
  assert.equal(readFileSync(path, 'utf8'), 'one two three');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['a.tar']);
});

test('one that breaks off leaves what was there before', async (t) => {
  const path = join(folder(t), 'a.tar');
  await assert.rejects(writeArchive(path, breakOff), /the agent went away/);
  assert.deepEqual(readdirSync(join(path, '..')), []);
  writeFileSync(path, 'the one of yesterday');
  await assert.rejects(writeArchive(path, breakOff), /the agent went away/);
  assert.deepEqual(readdirSync(join(path, '..')), ['a.tar']);
  assert.equal(readFileSync(path, 'utf8'), 'the one of yesterday');
  await writeArchive(path, fill);
  assert.equal(readFileSync(path, 'utf8'), 'one two three');
});

test('a link stays a link', async (t) => {
  const at = folder(t);
  writeFileSync(join(at, 'real.tar'), 'before');
  symlinkSync('real.tar', join(at, 'link.tar'));
  await writeArchive(join(at, 'link.tar'), fill);
  assert.equal(readlinkSync(join(at, 'link.tar')), 'real.tar');
  assert.equal(readFileSync(join(at, 'real.tar'), 'utf8'), 'one two three');
});

test('a device is written to and stays one', async () => {
  await writeArchive('/dev/null', fill);
  assert.ok(statSync('/dev/null').isCharacterDevice());
});

test('a place that cannot be written is named before anything is asked for', async (t) => {
  const at = folder(t);
  const never = () => Promise.reject(new Error('asked'));
  await assert.rejects(writeArchive(join(at, 'none', 'a.tar'), never), { reason: 'output_unwritable' });
  await assert.rejects(writeArchive(at, never), { reason: 'output_is_folder' });
  assert.deepEqual(readdirSync(at), []);
});

const full = process.platform === 'linux' ? {} : { skip: 'only Linux has /dev/full' };

test('a disk that is full is named', full, async () => {
  await assert.rejects(writeArchive('/dev/full', fill), { reason: 'output_unwritable', message: /ENOSPC/ });
});
