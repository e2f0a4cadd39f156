import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantFolders } from '../folders.ts';
import { commandEnvironment, gatewayProcess, openclawEntry } from './environment.ts';

const folders = tenantFolders('/data');
const starter = {
  PATH: '/usr/bin',
  LANG: 'C',
  ANTHROPIC_API_KEY: 'theirs',
  OPENCRANE_TOKEN_FILE: '/t',
  NODE_OPTIONS: '-v',
};

test('nothing of the starter that is not named reaches OpenClaw: keys of others least of all', () => {
  const { environment } = gatewayProcess(folders, 18_789, starter);
  assert.equal(environment['LANG'], 'C');
  for (const name of ['ANTHROPIC_API_KEY', 'OPENCRANE_TOKEN_FILE', 'NODE_OPTIONS']) {
    assert.equal(environment[name], undefined, name);
  }
});

test('every path it is given is below the tenant folder', () => {
  const { environment } = gatewayProcess(folders, 18_789, starter);
  const paths = ['HOME', 'TMPDIR', 'OPENCLAW_STATE_DIR', 'OPENCLAW_CONFIG_PATH'].map((name) => environment[name]);
  for (const path of paths) assert.match(path ?? '', /^\/data\//);
});

test("the tenant's own openclaw is found before any other", () => {
  assert.match(gatewayProcess(folders, 18_789, starter).environment['PATH'] ?? '', /^\/data\/bin:.*:\/usr\/bin$/);
});

test('the token is not in what is recorded of the gateway, and is in what its commands need', () => {
  assert.equal(gatewayProcess(folders, 1, starter).environment['OPENCLAW_GATEWAY_TOKEN'], undefined);
  assert.equal(commandEnvironment(folders, 1, 'secret', starter)['OPENCLAW_GATEWAY_TOKEN'], 'secret');
});

test('a compile cache of ours would make OpenClaw start itself a second time, past the guard', () => {
  const { environment } = gatewayProcess(folders, 1, { ...starter, NODE_COMPILE_CACHE: '/cache' });
  assert.equal(environment['NODE_COMPILE_CACHE'], undefined);
});

test('the entry of a runtime', () => {
  assert.equal(openclawEntry('/runtimes/x'), '/runtimes/x/lib/node_modules/openclaw/openclaw.mjs');
});

test('OpenClaw gets the proxies that the admin names, as they are', () => {
  const proxies = { https_proxy: 'http://a', HTTPS_PROXY: 'http://b', NO_PROXY: 'corp', NODE_USE_ENV_PROXY: '1' };
  const { environment } = gatewayProcess(folders, 1, { ...starter, ...proxies });
  const got = Object.keys(proxies).map((name) => environment[name]);
  assert.deepEqual(got, ['http://a', 'http://b', 'corp', '1']);
});
