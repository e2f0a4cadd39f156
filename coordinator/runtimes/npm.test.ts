import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { npmEnvironment } from './build-environment.ts';
import { createNpm } from './npm.ts';

const folders = { home: '/b/home', tmp: '/b/tmp', cache: '/b/cache' };

const names: readonly { reason: string; name: string; letIn: boolean }[] = [
  { reason: 'a proxy, as most programs spell it', name: 'https_proxy', letIn: true },
  { reason: 'a proxy in capitals', name: 'HTTPS_PROXY', letIn: true },
  { reason: 'what goes around the proxy', name: 'NO_PROXY', letIn: true },
  { reason: 'the certificate of a proxy that looks inside', name: 'NODE_EXTRA_CA_CERTS', letIn: true },
  { reason: 'another registry', name: 'npm_config_registry', letIn: true },
  { reason: 'the database, with its password', name: 'OPENCRANE_DATABASE', letIn: false },
  { reason: 'whatever of ours is still to come', name: 'OPENCRANE_ADMIN_TOKEN', letIn: false },
  { reason: "a cloud's key", name: 'GOOGLE_APPLICATION_CREDENTIALS', letIn: false },
  { reason: "a provider's key", name: 'ANTHROPIC_API_KEY', letIn: false },
  { reason: 'what loads code into every Node', name: 'NODE_OPTIONS', letIn: false },
  { reason: 'a package of the run that started us', name: 'npm_package_json', letIn: false },
  { reason: 'where that run installs', name: 'npm_config_prefix', letIn: false },
  { reason: "keys of the user's shell", name: 'SSH_AUTH_SOCK', letIn: false },
];
for (const { reason, name, letIn } of names) {
  test(`${letIn ? 'let in' : 'kept out'}: ${reason}`, () => {
    assert.equal(npmEnvironment({ [name]: 'value' }, folders)[name], letIn ? 'value' : undefined);
  });
}

test('folders are its own; the file of settings is the user’s, by whichever name', () => {
  const outer = { HOME: '/users/jo', TMPDIR: '/var/tmp', npm_config_cache: '/users/jo/.npm' };
  const { HOME, TMPDIR, npm_config_cache, npm_config_userconfig } = npmEnvironment(outer, folders);
  assert.deepEqual(
    { HOME, TMPDIR, npm_config_cache, npm_config_userconfig },
    { HOME: '/b/home', TMPDIR: '/b/tmp', npm_config_cache: '/b/cache', npm_config_userconfig: '/users/jo/.npmrc' },
  );
  const named = npmEnvironment({ ...outer, npm_config_userconfig: '/etc/npmrc' }, folders);
  assert.equal(named['npm_config_userconfig'], '/etc/npmrc');
});

test('a script that npm runs sees nothing of the coordinator’s environment', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-npm-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const scripts = { print: 'node -p "JSON.stringify({ ...process.env, cwd: process.cwd() })"' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', version: '1.0.0', scripts }));
  const secrets = { OPENCRANE_DATABASE: 'postgres://u:hunter2@db/x', OPENCRANE_ADMIN_TOKEN: 'hunter2' };
  const npm = createNpm({ ...process.env, ...secrets }, join(folder, 'npm'));
  const { code, stdout, stderr } = await npm(['--prefix', folder, '--silent', 'run', 'print']);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout, /hunter2|OPENCRANE_/);
  const seen: NodeJS.ProcessEnv = JSON.parse(stdout);
  assert.equal(seen['HOME'], join(folder, 'npm', 'home'));
  assert.equal(seen['TMPDIR'], join(folder, 'npm', 'tmp'));
  assert.equal(seen['npm_config_cache'], join(folder, 'npm', 'cache'));
});
