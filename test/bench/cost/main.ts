/**
 * `npm run bench:cost`: what a tenant's bucket costs, idle and while its database is written without a pause. The requests of
 * the lease and of the snapshots are counted between the agent and a server of the GCS API, and scaled to a day.
 *
 *   npm run bench:cost                    three minutes of each
 *   npm run bench:cost -- --seconds 60    a quicker look
 *   npm run bench:cost -- --json FILE     the figures as JSON
 *
 * Exits with 1 when an idle tenant writes anything but its lease.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { objectAt } from '@opencrane/agent/bucket/layout.ts';
import { startGcsServer } from '../../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../../fixtures/gcs/tcp-proxy.ts';
import { TextSource } from '../vault/text.ts';
import { Database } from '../vault/trees.ts';
import { costOf, monthlyCost, type Operation, operationOf } from './prices.ts';
import { startTenant } from './tenant.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '180' }, json: { type: 'string', default: '' } },
});

const DAY_SECONDS = 86_400;
const MONTH_DAYS = 30;
const DATABASE_BYTES = 50 * 1024 ** 2;
/** A page each: 100 KB a second. */
const WRITES_PER_SECOND = 25;
/** What was new is looked at once more when it is old. */
const REST_MILLIS = 10_000;
const kinds = ['write', 'list', 'read', 'look', 'remove'] as const;

type Stretch = {
  readonly name: string;
  readonly seconds: number;
  readonly requests: readonly string[];
  readonly operations: readonly Operation[];
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly snapshots: number;
};

const server = await startGcsServer();
if ('skip' in server) {
  print(server.skip);
  process.exit(1);
}
const proxy = await TcpProxy.before(server.port);
const folder = mkdtempSync(join(tmpdir(), 'oc-bench-'));
try {
  await bench(`gs://${await server.bucket()}?endpoint=${proxy.url}`);
} finally {
  await proxy.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function bench(address: string): Promise<void> {
  const state = join(folder, 'state');
  mkdirSync(join(state, 'agents'), { recursive: true });
  const database = new Database(join(state, 'agents', 'openclaw.sqlite'), new TextSource(4), DATABASE_BYTES);
  const tenant = await startTenant(state, join(folder, 'agent'), address);
  try {
    await tenant.settled();
    await wait(REST_MILLIS);
    const idle = await count('idle', tenant, (seconds) => wait(seconds * 1000));
    const busy = await count('busy', tenant, async (seconds) => {
      const began = performance.now();
      for (let writes = 0; performance.now() - began < seconds * 1000; writes += 1) {
        await wait(Math.max(0, began + (writes * 1000) / WRITES_PER_SECOND - performance.now()));
        database.touch();
      }
    });
    report(idle, busy);
  } finally {
    await tenant.end();
    database.close();
  }
}

/** Counts what is asked of the bucket while something goes on. */
async function count(
  name: string,
  tenant: { readonly snapshots: number },
  work: (seconds: number) => Promise<unknown>,
): Promise<Stretch> {
  const before = { requests: proxy.requests.length, sent: proxy.sentBytes, received: proxy.receivedBytes };
  const [snapshots, began] = [tenant.snapshots, performance.now()];
  await work(Number(values.seconds));
  const requests = proxy.requests.slice(before.requests);
  return {
    name,
    seconds: (performance.now() - began) / 1000,
    requests,
    operations: requests.map(operationOf),
    sentBytes: proxy.sentBytes - before.sent,
    receivedBytes: proxy.receivedBytes - before.received,
    snapshots: tenant.snapshots - snapshots,
  };
}

function report(idle: Stretch, busy: Stretch): void {
  for (const stretch of [idle, busy]) print(describe(stretch));
  const snapshot =
    (costOf(busy.operations) / busy.seconds - costOf(idle.operations) / idle.seconds) * (busy.seconds / busy.snapshots);
  print(`a snapshot costs $${(snapshot * 1000).toFixed(4)} for a thousand`);
  const lease = encodeURIComponent(objectAt({ kind: 'lease' }));
  const others = idle.requests.filter((request) => operationOf(request).what === 'write' && !request.includes(lease));
  print(`${others.length === 0 ? 'ok  ' : 'MISS'} an idle tenant writes nothing but its lease`);
  for (const other of others) print(`     ${other}`);
  if (others.length > 0) process.exitCode = 1;
  if (values.json !== '') writeFileSync(values.json, `${JSON.stringify({ idle, busy, snapshotDollars: snapshot })}\n`);
}

function describe({ name, seconds, operations, sentBytes, receivedBytes, snapshots }: Stretch): string {
  const days = seconds / DAY_SECONDS;
  const counts = kinds.map((kind) => {
    const count = operations.filter(({ what }) => what === kind).length;
    return `${Math.round(count / days)} ${kind}`;
  });
  const perDay = costOf(operations) / days;
  const mib = (bytes: number) => (bytes / days / 1024 ** 2).toFixed(1);
  const stored = monthlyCost(sentBytes / days);
  return [
    `${name}, scaled from ${seconds.toFixed(0)} s to a day: ${counts.join(', ')}; ${Math.round(snapshots / days)} snapshots`,
    `  sent ${mib(sentBytes)} MiB, received ${mib(receivedBytes)} MiB`,
    `  operations $${perDay.toFixed(4)} a day, $${(perDay * MONTH_DAYS).toFixed(2)} a month; keeping a day's bytes $${stored.toFixed(4)} a month`,
  ].join('\n');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
