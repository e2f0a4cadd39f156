/**
 * `npm run bench:cost`: what a tenant's bucket costs, with the real OpenClaw, idle and in a conversation. The requests of
 * everything that a tenant asks of its bucket are counted between its agent and a server of the GCS API.
 *
 *   npm run bench:cost                    ten minutes idle, three minutes of a conversation
 *   npm run bench:cost -- --seconds 300   a quicker look
 *   npm run bench:cost -- --json FILE     the figures as JSON
 *
 * Idle, a day is put together of what was counted and what is known of it: leases by their rate; snapshots by the rule that
 * spaces them (agent/vault/schedule/heartbeat.ts) for a heartbeat as often as it was seen, each as dear as those that were
 * counted; pruning, once an hour, as dear as one that was ordered. Exits with 1 when that is more than the goal.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { objectAt, prefixes } from '@opencrane/agent/bucket/layout.ts';
import { snapshotsOfADay } from '@opencrane/agent/vault/schedule/heartbeat.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { signedIn, takeTurn } from '../../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../../fixtures/coordinator-process.ts';
import { startGcsServer } from '../../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../../fixtures/gcs/tcp-proxy.ts';
import { ModelStandIn } from '../../fixtures/model-stand-in/model-stand-in.ts';
import { removeHome, seededHome } from '../../fixtures/seeded-home.ts';
import { readyTenant, set, settled, tenantScope } from '../../fixtures/tenants.ts';
import { costOf, monthlyCost, operationOf } from './prices.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, json: { type: 'string', default: '' } },
});

const DAY_SECONDS = 86_400;
const MONTH_DAYS = 30;
/** Requests of any class. */
const GOAL = 600;
/** What OpenClaw does after its start has come to rest. */
const REST_MILLIS = 90_000;
const TURN_MILLIS = 10_000;
/** By prune-loop.ts. */
const PRUNES_A_DAY = 24;
const kinds = ['write', 'list', 'read', 'look', 'remove'] as const;
const tenant = 'jente';

type Stretch = { readonly seconds: number; readonly requests: readonly string[]; readonly sentBytes: number };

const server = await startGcsServer();
if ('skip' in server) {
  print(server.skip);
  process.exit(1);
}
await server.bucket(`acme-${tenant}`);
const proxy = await TcpProxy.before(server.port);
const model = await ModelStandIn.listen();
const coordinator = await startCoordinator(await seededHome('real'), {
  OPENCRANE_BUCKETS: `gs://acme-{tenant}?endpoint=${proxy.url}`,
});
try {
  await bench(coordinator);
} finally {
  await coordinator.stop();
  removeHome(coordinator.home);
  await model.close();
  await proxy.close();
  await server.stop();
}

async function bench({ clients }: CoordinatorProcess): Promise<void> {
  await readyTenant(coordinator, tenant);
  const revision = await set(clients, tenantScope(tenant), model.configuration());
  await settled(clients, tenant, Kind.CONFIG, revision);
  await signedIn(clients, tenant, (gateway) => takeTurn(gateway, 'The first turn makes what later ones only add to.'));
  await wait(REST_MILLIS);
  const idle = await count((seconds) => wait(seconds * 1_000));
  const prune = await count(() => clients.vault.pruneVault({ tenant }));
  const busy = await count(async (seconds) => {
    for (const ends = performance.now() + seconds * 300; performance.now() < ends; await wait(TURN_MILLIS)) {
      await signedIn(clients, tenant, (gateway) => takeTurn(gateway, 'Say something.'));
    }
  });
  reportIdle(idle, prune);
  print(
    `in a conversation, a turn every ${TURN_MILLIS / 1_000} s, scaled to a day: ${describe(busy, DAY_SECONDS / busy.seconds)}`,
  );
  if (values.json !== '') writeFileSync(values.json, `${JSON.stringify({ idle, prune, busy })}\n`);
}

/** Counts what is asked of the bucket while something goes on. */
async function count(work: (seconds: number) => Promise<unknown>): Promise<Stretch> {
  const [requests, sent, began] = [proxy.requests.length, proxy.sentBytes, performance.now()];
  await work(Number(values.seconds));
  return {
    seconds: (performance.now() - began) / 1_000,
    requests: proxy.requests.slice(requests),
    sentBytes: proxy.sentBytes - sent,
  };
}

function reportIdle(idle: Stretch, prune: Stretch): void {
  const leases = about(idle, objectAt({ kind: 'lease' }));
  const snapshots = about(idle, prefixes.manifest).requests.filter(isWrite).length;
  const others = { ...idle, requests: idle.requests.filter((request) => !leases.requests.includes(request)) };
  print(`idle for ${idle.seconds.toFixed(0)} s: ${describe(idle, 1)}`);
  print(`  ${leases.requests.length} about the lease, ${snapshots} snapshots`);
  for (const request of new Set(others.requests.filter((each) => !isWrite(each)))) print(`  not written: ${request}`);
  const aSnapshot = snapshots === 0 ? 3 : others.requests.length / snapshots; // a pack, a manifest, the head
  const { first, later } = snapshotsOfADay();
  const parts = [
    { name: 'the lease', requests: (leases.requests.length / idle.seconds) * DAY_SECONDS },
    { name: `${later} snapshots (${first} on the first day)`, requests: later * aSnapshot },
    { name: `${PRUNES_A_DAY} prunings`, requests: PRUNES_A_DAY * prune.requests.length },
  ];
  const total = Math.round(parts.reduce((sum, { requests }) => sum + requests, 0));
  for (const { name, requests } of parts) print(`  a day: ${Math.round(requests)} requests for ${name}`);
  const perDay = costOf(leases.requests.map(operationOf)) * (DAY_SECONDS / idle.seconds);
  const rest = later * aSnapshot * 0.000_005 + PRUNES_A_DAY * costOf(prune.requests.map(operationOf));
  print(
    `${total <= GOAL ? 'ok  ' : 'MISS'} ${total} requests a day, $${((perDay + rest) * MONTH_DAYS).toFixed(2)} a month (goal: ${GOAL} requests)`,
  );
  if (total > GOAL) process.exitCode = 1;
}

function about(stretch: Stretch, name: string): Stretch {
  const [plain, encoded] = [name, encodeURIComponent(name)];
  return { ...stretch, requests: stretch.requests.filter((each) => each.includes(plain) || each.includes(encoded)) };
}

function isWrite(request: string): boolean {
  return operationOf(request).what === 'write';
}

function describe({ requests, sentBytes }: Stretch, times: number): string {
  const operations = requests.map(operationOf);
  const counts = kinds.map(
    (kind) => `${Math.round(operations.filter(({ what }) => what === kind).length * times)} ${kind}`,
  );
  const dollars = costOf(operations) * times;
  const sent = (sentBytes * times) / 1024 ** 2;
  return `${counts.join(', ')}; sent ${sent.toFixed(1)} MiB; $${dollars.toFixed(4)}, and $${monthlyCost(sentBytes * times).toFixed(4)} a month to keep it`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
