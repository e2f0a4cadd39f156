/**
 * The bucket is away for many times the lease's time-to-live, on the real OpenClaw with a GCS server behind a network that
 * is cut: the tenant serves on in the same process on the coordinator's word, says so, and catches up by itself.
 *
 * `OPENCRANE_AWAY_SECONDS` says for how long (30).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Component, ComponentState, Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../fixtures/gcs/tcp-proxy.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

/** Long enough for a machine that others share; the default is 30 s. */
const TTL_MILLIS = 6_000;
const awayMillis = Number(process.env['OPENCRANE_AWAY_SECONDS'] ?? 30) * 1_000;

type World = {
  readonly server: GcsServer;
  readonly proxy: TcpProxy;
  readonly model: ModelStandIn;
  readonly coordinator: CoordinatorProcess;
  readonly tenant: string;
};

let world: World | { readonly skip: string };

before(async () => {
  world = await makeWorld();
});

after(async () => {
  if ('skip' in world) return;
  const { server, proxy, model, coordinator } = world;
  await coordinator.stop();
  await model.close();
  await proxy.close();
  await server.stop();
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

async function makeWorld(): Promise<World | { readonly skip: string }> {
  const server = await startGcsServer();
  if ('skip' in server) return server;
  const proxy = await TcpProxy.before(server.port);
  const model = await ModelStandIn.listen();
  const bucket = await server.bucket();
  const tenant = bucket.slice(-1); // each tenant's bucket is named after it
  const coordinator = await startCoordinator(await seededHome(), {
    OPENCRANE_BUCKETS: `gs://${bucket.slice(0, -1)}{tenant}?endpoint=${proxy.url}`,
    OPENCRANE_LEASE_TTL_MS: String(TTL_MILLIS),
  });
  await readyTenant(coordinator, tenant);
  const revision = await set(coordinator.clients, tenantScope(tenant), model.configuration());
  await settled(coordinator.clients, tenant, Kind.CONFIG, revision);
  return { server, proxy, model, coordinator, tenant };
}

function vaultOf({ status }: Tenant): Component | undefined {
  return status?.health?.parts.find(({ name }) => name === 'vault');
}

test(`the bucket is away for ${awayMillis / 1000} s, ${awayMillis / TTL_MILLIS} times the lease’s time`, async (t) => {
  if ('skip' in world) return t.skip(world.skip);
  const { proxy, coordinator, tenant } = world;
  const { clients, home } = coordinator;
  const [gateway] = gatewaysOf(home);
  await awaitTenant(clients, tenant, 'saved', (seen) => vaultOf(seen)?.state === ComponentState.HEALTHY);

  proxy.away = true;
  const goneAt = performance.now();
  const said: string[] = [];
  let told: Component | undefined;
  while (performance.now() - goneAt < awayMillis) {
    await signedIn(clients, tenant, async (session) => takeTurn(session, `number ${said.length}.`));
    said.push(`number ${said.length}.`);
    told = vaultOf((await clients.tenants.getTenant({ name: tenant })).tenant ?? assert.fail('the tenant is gone'));
    assert.deepEqual(gatewaysOf(home), [gateway], 'the same OpenClaw runs');
  }
  t.diagnostic(`${said.length} turns meanwhile; its health: ${told?.message}`);
  assert.equal(told?.state, ComponentState.DEGRADED);
  assert.match(
    told.message,
    /^the bucket has not answered since \d\d:\d\d UTC: the tenant serves on the coordinator's word, until \d\d:\d\d UTC at the latest; the newest snapshot is \d+ (s|min) old/,
  );

  proxy.away = false;
  const backAt = performance.now();
  await awaitTenant(clients, tenant, 'saved again', (seen) => {
    const vault = vaultOf(seen);
    return vault?.state === ComponentState.HEALTHY && vault.message === '';
  });
  t.diagnostic(`everything was in the bucket ${Math.round(performance.now() - backAt)} ms after it was back`);
  assert.deepEqual(gatewaysOf(home), [gateway]);
  const text = await signedIn(clients, tenant, conversation);
  for (const sentence of said) assert.ok(text.includes(sentence), sentence);
});
