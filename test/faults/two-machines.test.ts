/**
 * Two machines have one tenant, on the real OpenClaw and a GCS server: whatever stands still or is cut, never two OpenClaws
 * have it open. Watched from outside, by their processes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { connectGateway } from '@opencrane/agent/openclaw/gateway-client.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../fixtures/gcs/tcp-proxy.ts';
import { startToxiproxy, type Toxiproxy, type Way } from '../fixtures/gcs/toxiproxy.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { watchForTwo } from '../fixtures/never.ts';
import { isAlive, isStopped, processesOf } from '../fixtures/processes.ts';
import { gatewaysOn, programsOf, type SecondMachine, startSecondMachine } from '../fixtures/second-machine.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

/** Short, so that a take-over is; the rules are shares of it (docs/fence.md). */
const TTL_MILLIS = 6_000;

const gcs = await startGcsServer();
const toxiproxy = await startToxiproxy();
const skip = ['skip' in gcs && gcs.skip, 'skip' in toxiproxy && toxiproxy.skip].find(Boolean) ?? false;

let coordinator: CoordinatorProcess;
let model: ModelStandIn;
/** From the first machine to the bucket. */
let near: TcpProxy;
/** From the second machine to the bucket, and to the coordinator. */
let far: { readonly bucket: Way; readonly coordinator: Way };
let second: SecondMachine;

before(async () => {
  if (skip) return;
  const [server, proxies] = [gcs as GcsServer, toxiproxy as Toxiproxy]; // neither is a skip
  await server.bucket('acme-jente');
  const address = (url: string) => `gs://acme-{tenant}?endpoint=${url}`;
  near = await TcpProxy.before(server.port);
  model = await ModelStandIn.listen();
  coordinator = await startCoordinator(await seededHome(), {
    OPENCRANE_BUCKETS: address(near.url),
    OPENCRANE_LEASE_TTL_MS: String(TTL_MILLIS),
  });
  await readyTenant(coordinator, 'jente');
  const revision = await set(coordinator.clients, tenantScope('jente'), model.configuration());
  await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
  await signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, 'remember the heron'));
  await coordinator.clients.vault.takeSnapshot({ tenant: 'jente' });
  far = {
    bucket: await proxies.way(server.port),
    coordinator: await proxies.way(Number(coordinator.agentAddress.split(':').at(-1))),
  };
  second = await startSecondMachine(coordinator, 'jente', {
    OPENCRANE_BUCKET: address(far.bucket.url).replace('{tenant}', 'jente'),
    OPENCRANE_COORDINATOR: `127.0.0.1:${far.coordinator.port}`,
  });
  await watches(second);
});

after(async () => {
  if (!skip) {
    await second.stop();
    assert.equal(await coordinator.stop(), 0);
    assert.deepEqual(processesOf(coordinator.home), []);
    removeHome(coordinator.home);
    await model.close();
    await near.close();
  }
  if (!('skip' in toxiproxy)) await toxiproxy.stop();
  if (!('skip' in gcs)) await gcs.stop();
});

/** A machine's disk, gateway and programs, whichever it is. */
type Machine = Pick<SecondMachine, 'data' | 'port' | 'token' | 'pids'>;

function first(): Machine {
  const data = join(coordinator.home, 'tenants', 'jente');
  return {
    data,
    port: JSON.parse(readFileSync(join(data, 'platform.json'), 'utf8')).gatewayPort,
    token: readFileSync(join(data, 'secrets', 'gateway-token'), 'utf8').trim(),
    pids: programsOf(coordinator, 'jente'),
  };
}

/** Resolves when a machine's OpenClaw serves with all that was ever said; with how many milliseconds that took. */
async function serves(machine: Machine, said: RegExp): Promise<number> {
  const began = performance.now();
  await awaitFact(`OpenClaw serves on ${machine.data}`, async () => {
    const gateway = await connectGateway(machine);
    try {
      return said.test(await conversation(gateway));
    } finally {
      await gateway.close();
    }
  });
  return performance.now() - began;
}

/** Something happens to the machine that serves; resolves when the other one does. Two never do. */
async function takeOver(t: TestContext, from: Machine, to: Machine, happens: () => Promise<void>): Promise<void> {
  const [before] = gatewaysOn(from);
  assert.ok(before !== undefined, 'the first one serves');
  const stop = watchForTwo(coordinator.home, 'jente');
  try {
    const began = performance.now();
    await happens();
    await awaitFact('the first OpenClaw is dead', () => !isAlive(before), { everyMillis: 10 });
    const dead = performance.now() - began;
    await awaitFact('the other one starts', () => gatewaysOn(to).length > 0, { everyMillis: 10 });
    const started = performance.now() - began;
    await serves(to, /heron/);
    const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`;
    const ready = performance.now() - began;
    t.diagnostic(`dead after ${seconds(dead)}, the other starts after ${seconds(started)}, ready ${seconds(ready)}`);
  } finally {
    const { seen, looks } = await stop();
    assert.deepEqual(seen, [], `in ${looks} looks`);
  }
}

/** SIGSTOP, which no process can refuse. */
async function freeze(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await awaitFact('they stand still', () => pids.every(isStopped), { everyMillis: 10 });
}

/** Resolves when a machine's agent has seen that another has the tenant. */
async function watches({ data }: Machine): Promise<void> {
  const log = () => readFileSync(join(data, 'logs', 'agent.log'), 'utf8');
  const state = () => [...log().matchAll(/"to":"(\w+)"/g)].at(-1)?.[1];
  await awaitFact(`the agent on ${data} watches the lease`, () => state() === 'taken');
}

/** They go on, far too late: they find that they have nothing any more, and watch. Two never run. */
async function thaw(machine: Machine, ...pids: readonly number[]): Promise<void> {
  const stop = watchForTwo(coordinator.home, 'jente');
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  await watches(machine);
  assert.deepEqual(gatewaysOn(machine), []);
  const { seen, looks } = await stop();
  assert.deepEqual(seen, [], `in ${looks} looks`);
}

test('the agent of the holder stands still: its launcher ends OpenClaw, the other takes over', { skip }, async (t) => {
  const { agent } = first().pids;
  await takeOver(t, first(), second, () => freeze(agent));
  await thaw(first(), agent);
});

test('the holder reaches neither the bucket nor the coordinator: its OpenClaw ends, the other takes over', {
  skip,
}, async (t) => {
  await takeOver(t, second, first(), async () => {
    await far.bucket.cut();
    await far.coordinator.cut();
  });
  await far.bucket.restore();
  await far.coordinator.restore();
  await watches(second);
});

test('answers that are slow, lost or doubled take nothing away from the holder', { skip }, async () => {
  const stop = watchForTwo(coordinator.home, 'jente');
  const [gateway] = gatewaysOn(first());
  near.delayMillis = 100;
  await far.bucket.delay(200);
  for (const kind of ['lost reply', 'doubled', 'lost reply', 'doubled'] as const) {
    near.faults.push({ kind, method: 'POST' });
    await awaitFact(`a write was ${kind}`, () => near.faults.length === 0);
  }
  const renewals = () => near.requests.filter((request) => request.startsWith('POST')).length;
  const before = renewals();
  await awaitFact('the lease was renewed since', () => renewals() > before + 2);
  near.delayMillis = 0;
  await far.bucket.delay(0);
  assert.deepEqual(gatewaysOn(first()), [gateway], 'the same OpenClaw serves');
  const { seen } = await stop();
  assert.deepEqual(seen, []);
});

test('agent and launcher stand still: OpenClaw ends itself, the other takes over', { skip }, async (t) => {
  const { agent, launcher } = first().pids;
  await takeOver(t, first(), second, () => freeze(agent, launcher));
  await thaw(first(), agent, launcher);
});
