import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LogFile } from './log-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'oc-log-'));
after(() => rmSync(folder, { recursive: true }));
const big = 'x'.repeat(11 * 1024 * 1024);

test('the last words are those of this process, not of the one before it', () => {
  const path = join(folder, 'a.log');
  writeFileSync(path, 'what another process said\n');
  const log = new LogFile(path);
  assert.equal(log.lastWords(), '');
  writeSync(log.descriptor, 'one\ntwo\n');
  log.close();
  assert.equal(log.lastWords(), 'one\ntwo');
});

test('of much only the end is kept', () => {
  const log = new LogFile(join(folder, 'b.log'));
  for (let number = 0; number < 2_000; number += 1) writeSync(log.descriptor, `line ${number}\n`);
  log.close();
  const lines = log.lastWords().split('\n');
  assert.equal(lines.length, 30);
  assert.equal(lines.at(-1), 'line 1999');
});

test('a log that is too long is put aside before a start', () => {
  const path = join(folder, 'c.log');
  writeFileSync(path, big);
  const log = new LogFile(path);
  writeSync(log.descriptor, 'fresh\n');
  log.close();
  assert.equal(readFileSync(path, 'utf8'), 'fresh\n');
  assert.equal(statSync(`${path}.1`).size, big.length);
});

test('a log that grows too long is emptied under its writer, who notices nothing', () => {
  const path = join(folder, 'd.log');
  const log = new LogFile(path);
  writeSync(log.descriptor, 'short\n');
  log.rotate();
  assert.equal(readFileSync(path, 'utf8'), 'short\n', 'below the bound nothing happens');
  writeSync(log.descriptor, big);
  log.rotate();
  writeSync(log.descriptor, 'after\n');
  log.close();
  assert.equal(readFileSync(path, 'utf8'), 'after\n');
  assert.equal(log.lastWords(), 'after');
});

test('a log that cannot be copied is kept until it is twice as long, and never costs the launcher its life', () => {
  const path = join(folder, 'e.log');
  const log = new LogFile(path);
  mkdirSync(`${path}.1`); // what cannot be written to, as on a full disk
  writeSync(log.descriptor, big);
  log.rotate();
  assert.equal(statSync(path).size, big.length);
  writeSync(log.descriptor, big);
  log.rotate();
  assert.equal(statSync(path).size, 0);
  log.close();
  rmSync(path);
  log.rotate();
  assert.equal(log.lastWords(), '', 'nor does one that somebody removed');
});
