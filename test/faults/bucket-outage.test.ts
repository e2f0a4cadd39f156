/**
 * The bucket answers 429 or 503, stands still, or is away, on the real OpenClaw: the tenant serves on, says how old its
 * newest snapshot is, keeps no growing backlog, and catches up by itself.
 *
 * `OPENCRANE_OUTAGE_SECONDS` says how long each lasts (25), `OPENCRANE_LEASE_TTL_MS` how long the lease outlives a renewal
 * (6,000): each is more than four times that long. Ten minutes with the default of 30,000 are twenty times.
 */

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { ComponentState, Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../fixtures/gcs/tcp-proxy.ts';
import { killEverything, loseDisk } from '../fixtures/lost-disk.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf, residentBytes } from '../fixtures/processes.ts';
import { programsOf } from '../fixtures/second-machine.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const outageMillis = Number(process.env['OPENCRANE_OUTAGE_SECONDS'] ?? 25) * 1_000;
const ttlMillis = process.env['OPENCRANE_LEASE_TTL_MS'] ?? '6000';
/** What the agent may grow by, in memory and on disk, however long the bucket is away. */
const BACKLOG_BYTES = 60_000_000;

const gcs = await startGcsServer();
const skip = 'skip' in gcs && gcs.skip;
let coordinator: CoordinatorProcess;
let model: ModelStandIn;
let network: TcpProxy;
let said = 0;

before(async () => {
  if (skip) return;
  const server = gcs as GcsServer; // not a skip
  await server.bucket('acme-jente');
  network = await TcpProxy.before(server.port);
  model = await ModelStandIn.listen();
  coordinator = await start(await seededHome());
  await readyTenant(coordinator, 'jente');
  const revision = await set(coordinator.clients, tenantScope('jente'), model.configuration());
  await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
});

after(async () => {
  if (!skip) {
    assert.equal(await coordinator.stop(), 0);
    assert.deepEqual(processesOf(coordinator.home), []);
    removeHome(coordinator.home);
    await model.close();
    await network.close();
  }
  if (!('skip' in gcs)) await gcs.stop();
});

function start(home: string): Promise<CoordinatorProcess> {
  return startCoordinator(home, {
    OPENCRANE_BUCKETS: `gs://acme-{tenant}?endpoint=${network.url}`,
    OPENCRANE_LEASE_TTL_MS: ttlMillis,
  });
}

async function say(): Promise<void> {
  said += 1;
  await signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, `number ${said}.`));
}

/** The vault's part of the tenant's health. */
function vaultComponent(tenant: Parameters<Parameters<typeof awaitTenant>[3]>[0]) {
  return tenant.status?.health?.parts.find(({ name }) => name === 'vault');
}

/** What the agent keeps for itself: its memory, and its files beside OpenClaw's state. */
function kept(): number {
  const folder = join(coordinator.home, 'tenants', 'jente');
  const files = ['agent', 'tmp', 'kept'].flatMap((name) =>
    readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, name, path)),
  );
  const bytes = files.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  return residentBytes(programsOf(coordinator, 'jente').agent) + bytes.reduce((sum, size) => sum + size, 0);
}

/** What health says of an outage. */
const told =
  /^the bucket has not answered since \d\d:\d\d UTC: the tenant serves on the coordinator's word, until \d\d:\d\d UTC at the latest; the newest snapshot is \d+ (s|min) old/;

const outages: { readonly reason: string; readonly begin: () => void }[] = [
  {
    reason: 'answers 429',
    begin: () => {
      network.otherwise = 429;
    },
  },
  {
    reason: 'answers 503',
    begin: () => {
      network.otherwise = 503;
    },
  },
  {
    reason: 'stands still',
    begin: () => {
      network.otherwise = 'stall';
    },
  },
  {
    reason: 'is away',
    begin: () => {
      network.away = true;
    },
  },
];

for (const { reason, begin } of outages) {
  test(`the bucket ${reason}: the tenant serves on, says so, and catches up`, { skip }, async (t) => {
    await say();
    const [gateway] = gatewaysOf(coordinator.home);
    const before = kept();
    const ends = performance.now() + outageMillis;
    begin();
    while (performance.now() < ends) {
      await say();
      await wait(1_000);
    }
    const { clients } = coordinator;
    const tenant = await awaitTenant(clients, 'jente', 'said to be behind', (seen) => {
      const vault = vaultComponent(seen);
      return vault?.state === ComponentState.DEGRADED && told.test(vault.message);
    });
    t.diagnostic(`health: ${vaultComponent(tenant)?.message}`);
    const backlog = kept() - before;
    t.diagnostic(`backlog: ${(backlog / 1e6).toFixed(1)} MB`);
    assert.ok(backlog < BACKLOG_BYTES, `the agent grew by ${backlog} bytes`);
    network.otherwise = 'pass';
    network.away = false;
    await awaitTenant(clients, 'jente', 'caught up', (seen) => vaultComponent(seen)?.state === ComponentState.HEALTHY);
    assert.deepEqual(gatewaysOf(coordinator.home), [gateway], 'the same OpenClaw serves');
  });
}

test('what was said in the outages is in the bucket afterwards', { skip }, async () => {
  await coordinator.clients.vault.takeSnapshot({ tenant: 'jente' });
  await killEverything(coordinator.home);
  loseDisk(coordinator.home, 'jente');
  coordinator = await start(coordinator.home);
  await awaitTenant(coordinator.clients, 'jente', 'back', isReady);
  const text = await signedIn(coordinator.clients, 'jente', (gateway) => conversation(gateway));
  const there = new Set([...text.matchAll(/number (\d+)\./g)].map((match) => Number(match[1])));
  // A turn is at least two messages, and OpenClaw gives the newest 1,000.
  const first = Math.max(1, said - 300);
  const missing = Array.from({ length: said - first + 1 }, (_, index) => first + index).filter((n) => !there.has(n));
  assert.deepEqual(missing, []);
});
