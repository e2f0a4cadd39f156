/**
 * Bad input on the real ports of a real coordinator, over and over: a clear error each, its memory flat, the tenant that
 * serves not touched. More kinds of it: test/stream/sessions.test.ts, test/stream/plane.test.ts,
 * coordinator/admin/admin-server.test.ts.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { AgentTokens } from '@opencrane/coordinator/identity/agent-tokens.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { processesOf, residentBytes } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope, unset } from '../fixtures/tenants.ts';
import { RawAgent } from '../stream/raw-agent.ts';

/** A round of everything warms the coordinator up; then this many more may not make it grow by more than that. */
const ROUNDS = 15;
const MOST_GROWTH = 48 * 1024 ** 2;
const HOUR = 3_600_000;

let home: string;
let coordinator: CoordinatorProcess;
let gatewayPid: bigint;

before(async () => {
  home = await seededHome();
  coordinator = await startCoordinator(home);
  gatewayPid = (await readyTenant(coordinator, 'jente')).status?.gatewayPid ?? 0n;
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(home), [], 'nothing stays behind');
  removeHome(home);
});

async function forged(): Promise<string> {
  const tokens = await AgentTokens.open(join(home, 'another.pem'), systemClock);
  return tokens.issue('jente', 'forged-1');
}

async function ofThisCoordinator(tenant: string, ageMillis = 0): Promise<string> {
  const clock = { ...systemClock, now: () => systemClock.now() - ageMillis };
  return (await AgentTokens.open(join(home, 'keys', 'agent-tokens.pem'), clock)).issue(tenant, 'test-token');
}

const entries: readonly { reason: string; token: () => Promise<string>; act?: 'garbage' | 'oversize'; ends: string }[] =
  [
    { reason: 'no token', token: async () => '', ends: 'token_missing' },
    { reason: 'words where the token should be', token: async () => 'let me in', ends: 'token_missing' },
    { reason: 'a word that is no token', token: async () => 'let-me-in', ends: 'token_malformed' },
    { reason: 'the admin’s token', token: async () => coordinator.token, ends: 'token_malformed' },
    { reason: 'a token of another coordinator', token: forged, ends: 'token_forged' },
    { reason: 'an expired token', token: () => ofThisCoordinator('jente', 2 * HOUR), ends: 'token_expired' },
    { reason: 'another tenant’s token', token: () => ofThisCoordinator('mallory'), ends: 'tenant_mismatch' },
    { reason: 'garbage', token: () => ofThisCoordinator('jente'), act: 'garbage', ends: 'message_garbled' },
    {
      reason: 'a frame of 2 MiB',
      token: () => ofThisCoordinator('jente'),
      act: 'oversize',
      ends: 'resource_exhausted',
    },
  ];

async function enter({ token, act, ends }: (typeof entries)[number]): Promise<void> {
  const agent = new RawAgent(coordinator.agentAddress, { tenant: 'jente', token: await token() });
  try {
    if (act === undefined) agent.hello();
    else agent.bytes(Buffer.alloc(act === 'garbage' ? 2_000 : 2 * 1024 ** 2, 0xff));
    assert.equal(await agent.ended(), ends);
  } finally {
    agent.close();
  }
}

const names = [
  '',
  'Jente',
  'jente_1',
  '-jente',
  'jente-',
  '../jente',
  'jente/../x',
  'a'.repeat(64),
  'jente\u0000',
  'ж',
];

async function refused(call: Promise<unknown>, code: Code, words: RegExp): Promise<void> {
  const thrown = await call.then(() => undefined, ConnectError.from);
  assert.equal(thrown?.code, code, `${thrown?.message}`);
  assert.match(thrown.message, words);
}

async function tenMegabytes(): Promise<void> {
  const document = { agents: { defaults: { note: 'x'.repeat(10 * 1024 ** 2) } } };
  const call = coordinator.clients.config.replaceConfig({ scope: tenantScope('jente'), document });
  await refused(call, Code.ResourceExhausted, /at most/);
}

async function nonsense(port: number): Promise<void> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => {}); // a reset is one way of refusing it
  await once(socket, 'connect');
  socket.end(Buffer.alloc(64 * 1024, 0x80));
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve)); // `once` would throw the reset
}

async function everything(): Promise<void> {
  for (const entry of entries) await enter(entry);
  for (const name of names) {
    await refused(coordinator.clients.tenants.createTenant({ name }), Code.InvalidArgument, /name/);
  }
  await tenMegabytes();
  await nonsense(Number(coordinator.agentAddress.split(':')[1]));
  await nonsense(Number(new URL(coordinator.adminUrl).port));
}

async function assertUntouched(): Promise<void> {
  const { tenants } = await coordinator.clients.tenants.listTenants({});
  assert.deepEqual(
    tenants.map((tenant) => tenant.name),
    ['jente'],
  );
  await awaitTenant(coordinator.clients, 'jente', 'connected', ({ status }) => status?.connected === true);
  const { tenant } = await coordinator.clients.tenants.getTenant({ name: 'jente' });
  assert.equal(tenant?.status?.gatewayPid, gatewayPid, 'the same OpenClaw');
  const log = readFileSync(join(home, 'tenants', 'jente', 'logs', 'agent.log'), 'utf8');
  assert.doesNotMatch(log, /the stream to the coordinator ended/, 'its agent never lost its stream');
}

for (const entry of entries) {
  test(`on the agent port: ${entry.reason}`, { timeout: 30_000 }, async () => {
    await enter(entry);
    await assertUntouched();
  });
}

for (const name of names) {
  test(`${JSON.stringify(name.slice(0, 20))} is no name of a tenant`, { timeout: 30_000 }, () =>
    refused(coordinator.clients.tenants.createTenant({ name }), Code.InvalidArgument, /name/),
  );
}

test('a configuration of 10 MB is refused in words', { timeout: 30_000 }, tenMegabytes);

test('a key that OpenClaw does not know: its own words, and it serves on', { timeout: 120_000 }, async () => {
  const { clients } = coordinator;
  const revision = await set(clients, tenantScope('jente'), { 'agents.defaults.noSuchKey': 1 }, { skipCheck: true });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.FAILED);
  assert.match(receipt.message, /noSuchKey/);
  await settled(
    clients,
    'jente',
    Kind.CONFIG,
    await unset(clients, tenantScope('jente'), ['agents.defaults.noSuchKey']),
  );
  await assertUntouched();
});

test('all of it, over and over: the coordinator’s memory is flat', { timeout: 240_000 }, async (t) => {
  for (let round = 0; round < 3; round += 1) await everything();
  const before = residentBytes(coordinator.pid);
  for (let round = 0; round < ROUNDS; round += 1) await everything();
  const growth = residentBytes(coordinator.pid) - before;
  t.diagnostic(
    `${(before / 1024 ** 2).toFixed(0)} MiB before, ${(growth / 1024 ** 2).toFixed(1)} MiB more after ${ROUNDS} rounds`,
  );
  assert.ok(growth < MOST_GROWTH, `grew by ${growth} bytes`);
  await assertUntouched();
});
