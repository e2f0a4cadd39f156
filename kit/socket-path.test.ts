import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { socketPath } from './socket-path.ts';

test('a short path is used as it is', () => {
  assert.equal(socketPath('/data/run', 'launcher.sock'), '/data/run/launcher.sock');
});

test('a path too long to bind gets a short alias: bindable, private, one per folder', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'oc-'));
  const long = `/home/${'a-long-name/'.repeat(10)}run`;
  const alias = socketPath(long, 'launcher.sock', temporary);
  assert.ok(Buffer.byteLength(alias) <= 100, alias);
  assert.equal(alias, socketPath(long, 'launcher.sock', temporary));
  assert.notEqual(alias, socketPath(`${long}2`, 'launcher.sock', temporary));
  assert.equal(statSync(dirname(alias)).mode & 0o777, 0o700);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(alias, resolve));
  await new Promise((resolve) => server.close(resolve));
  rmSync(temporary, { recursive: true });
});

test('bytes count, not characters', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'oc-'));
  assert.notEqual(socketPath(`/${'ü'.repeat(60)}`, 's', temporary), `/${'ü'.repeat(60)}/s`);
  rmSync(temporary, { recursive: true });
});

test('an alias folder that others may enter is refused', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'oc-'));
  const long = `/${'a'.repeat(120)}`;
  chmodSync(dirname(socketPath(long, 's', temporary)), 0o755);
  assert.throws(() => socketPath(long, 's', temporary), { code: 'permission_denied', reason: 'socket_folder_unsafe' });
  rmSync(temporary, { recursive: true });
});
