import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { isGrpcProxied, proxiesOf } from './proxy.ts';

const proxy = 'http://proxy.corp:3128';

const rows = [
  { reason: 'small letters', environment: { https_proxy: proxy }, https: proxy },
  { reason: 'large letters', environment: { HTTPS_PROXY: proxy }, https: proxy },
  {
    reason: 'small before large, as curl has it',
    environment: { https_proxy: proxy, HTTPS_PROXY: 'http://other' },
    https: proxy,
  },
  { reason: 'an empty one is none', environment: { https_proxy: '', HTTPS_PROXY: '' }, https: undefined },
] as const;
for (const { reason, environment, https } of rows) {
  test(`proxies of the environment: ${reason}`, () => {
    assert.equal(proxiesOf(environment).https_proxy, https);
    assert.match(proxiesOf(environment).no_proxy, /^localhost,127\.0\.0\.1/);
  });
}

test('whom the environment exempts stays exempt, in either spelling, and this machine always is', () => {
  for (const name of ['no_proxy', 'NO_PROXY']) {
    const exempt = proxiesOf({ https_proxy: proxy, [name]: 'intranet.corp' }).no_proxy.split(',');
    assert.deepEqual([exempt[0], exempt.includes('127.0.0.1')], ['intranet.corp', true]);
  }
});

const calls = [
  {
    reason: 'a proxy for the web is none for gRPC',
    address: 'coordinator.corp:8721',
    environment: { https_proxy: proxy },
    proxied: false,
  },
  { reason: 'gRPC’s own is', address: 'coordinator.corp:8721', environment: { grpc_proxy: proxy }, proxied: true },
  { reason: 'but not on this machine', address: '127.0.0.1:8721', environment: { grpc_proxy: proxy }, proxied: false },
  { reason: 'nor on it by another name', address: '[::1]:8721', environment: { grpc_proxy: proxy }, proxied: false },
  {
    reason: 'a host that is only called like it is another machine',
    address: '127.evil.corp:1',
    environment: { grpc_proxy: proxy },
    proxied: true,
  },
];
for (const { reason, address, environment, proxied } of calls) {
  test(`agents and proxies: ${reason}`, () => assert.equal(isGrpcProxied(address, environment), proxied));
}

/** Asks this machine by fetch, http and WebSocket, and says what a proxy got to see of it. */
const asking = `
  import { createServer, get } from 'node:http';
  import { callThisMachineDirectly } from ${JSON.stringify(join(import.meta.dirname, 'proxy.ts'))};
  const seen = [];
  const proxy = createServer((request, response) => { seen.push(request.url); response.end('proxy'); });
  proxy.on('connect', (request, socket) => { seen.push(request.url); socket.end('HTTP/1.1 502 no\\r\\n\\r\\n'); });
  await new Promise((done) => proxy.listen(Number(process.env.PROXY_PORT), '127.0.0.1', done));
  const server = createServer((_, response) => response.end('direct'));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = 'http://127.0.0.1:' + server.address().port;
  if (process.env.DIRECTLY) callThisMachineDirectly();
  const fetched = await fetch(url).then((reply) => reply.text(), () => 'nothing');
  const got = await new Promise((done) => get(url, (reply) => reply.on('data', (data) => done(String(data)))).on('error', () => done('nothing')));
  await new Promise((done) => { const socket = new WebSocket(url.replace('http', 'ws')); socket.onopen = socket.onerror = done; });
  console.log(JSON.stringify({ fetched, got, seen: seen.length }));
  process.exit();
`;

function ask(more: Record<string, string>): unknown {
  const port = 20_000 + (process.pid % 20_000);
  const environment = {
    PROXY_PORT: String(port),
    http_proxy: `http://127.0.0.1:${port}`,
    NODE_USE_ENV_PROXY: '1',
    ...more,
  };
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', asking], {
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return JSON.parse(ran.stdout);
}

test('with NODE_USE_ENV_PROXY Node asks a proxy for this machine, and our programs do not', () => {
  assert.deepEqual(ask({}), { fetched: 'nothing', got: 'proxy', seen: 3 }, 'as Node has it');
  assert.deepEqual(ask({ DIRECTLY: '1' }), { fetched: 'direct', got: 'direct', seen: 0 });
  assert.deepEqual(ask({ DIRECTLY: '1', no_proxy: 'corp' }), { fetched: 'direct', got: 'direct', seen: 0 });
});
