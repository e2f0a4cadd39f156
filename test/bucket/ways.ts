/**
 * Which way to a bucket on GCS is faster for large objects: the API, or a GCS Fuse mount.
 *
 *   node test/bucket/ways.ts          64 MB, 200 ranges of 512 KiB; without delay and with 20 ms per request
 *
 * Every step starts with a mount of its own, so that nothing is in its caches, and compares what was moved. Time depends on what
 * else the machine does; CPU, of this process and of GCS Fuse together, hardly.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Bucket } from '@opencrane/agent/bucket/bucket.ts';
import { DirectoryBucket } from '@opencrane/agent/bucket/directory-bucket.ts';
import { GcsBucket } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { mountGcsfuse } from '../fixtures/gcs/gcsfuse-mount.ts';

/** How much is moved. */
export type Load = { readonly bytes: number; readonly ranges: number; readonly delayMillis: number };

/** What one step cost one way. */
type Cost = { readonly millis: number; readonly cpuMillis: number };

/** What each step cost, by its name. */
export type Costs = ReadonlyMap<string, Cost>;

/** What is read at a time from a pack (docs/bucket-format.md). */
const RANGE_BYTES = 512 * 1024;

const ports = { clock: systemClock, random: Math.random, newId: randomUUID };
const [there, written] = [parseObjectName('there'), parseObjectName('written')];

/** A way to a bucket that holds `there`. */
type Way = { readonly bucket: Bucket; readonly folder?: string; readonly pid?: number; end(): Promise<void> };

type Step = { readonly name: string; run(way: Way, content: Buffer, load: Load): Promise<void> };

const steps: readonly Step[] = [
  {
    name: 'write',
    async run({ bucket }, content) {
      assert.notEqual(await bucket.create(written, pieces(content)), 'exists');
    },
  },
  {
    name: 'write a plain file',
    async run({ folder, bucket }, content) {
      if (folder === undefined) return; // there is no such thing by the API
      await writeFile(join(folder, 'plain'), pieces(content), { flag: 'wx' });
      assert.equal((await bucket.info(parseObjectName('plain')))?.bytes, content.length);
    },
  },
  {
    name: 'read',
    async run({ bucket }, content) {
      const hash = createHash('sha256');
      for await (const piece of (await bucket.stream(there)) ?? []) hash.update(piece);
      assert.equal(hash.digest('hex'), createHash('sha256').update(content).digest('hex'));
    },
  },
  { name: 'ranges', run: (way, content, load) => readRanges(way, content, load, 1) },
  { name: 'ranges, 8 at once', run: (way, content, load) => readRanges(way, content, load, 8) },
];

/** Measures both ways. */
export async function measureWays(
  load: Load,
): Promise<{ readonly api: Costs; readonly mount: Costs } | { readonly skip: string }> {
  const server = await startGcsServer();
  if ('skip' in server) return server;
  const network = await startNetwork(server, load.delayMillis);
  try {
    const api = await measure(load, server, async (bucket) => byApi(network.url, bucket));
    const mount = await measure(load, server, (bucket) => byMount(network.url, bucket));
    if ('skip' in api) return api;
    return 'skip' in mount ? mount : { api, mount };
  } finally {
    network.end();
    await server.stop();
  }
}

async function measure(
  load: Load,
  server: GcsServer,
  open: (bucket: string) => Promise<Way | { readonly skip: string }>,
): Promise<Costs | { readonly skip: string }> {
  const noise = createHash('shake256', { outputLength: 65_521 }).update('noise').digest();
  const content = Buffer.alloc(load.bytes, noise);
  const costs = new Map<string, Cost>();
  for (const { name, run } of steps) {
    const bucket = await server.bucket();
    await byApi(server.url, bucket).bucket.create(there, content);
    const way = await open(bucket);
    if ('skip' in way) return way;
    try {
      await way.bucket.info(there); // connected
      const [began, cpuBegan] = [performance.now(), cpuMillis(way.pid)];
      await run(way, content, load);
      costs.set(name, { millis: performance.now() - began, cpuMillis: cpuMillis(way.pid) - cpuBegan });
    } finally {
      await way.end();
    }
  }
  return costs;
}

function byApi(url: string, bucket: string): Way {
  const target = { bucket, endpoint: new URL(url), authorize: anonymous };
  return { bucket: new GcsBucket(target, { ...ports, stallMillis: 60_000 }), end: async () => undefined };
}

async function byMount(url: string, bucket: string): Promise<Way | { readonly skip: string }> {
  const mount = await mountGcsfuse(url, bucket);
  if ('skip' in mount) return mount;
  const { path, pid } = mount;
  return { bucket: new DirectoryBucket(path, ports), folder: path, pid, end: () => mount.unmount() };
}

/** Reads from places that jump about, the same in each run. */
async function readRanges({ bucket }: Way, content: Buffer, { ranges }: Load, width: number): Promise<void> {
  const span = Math.max(1, content.length - RANGE_BYTES);
  const places = Array.from({ length: ranges }, (_, i) => (i * 7_368_787) % span).values();
  const reader = async () => {
    for (const start of places) {
      const read = await bucket.read(there, { start, end: start + RANGE_BYTES });
      assert.ok(content.subarray(start, start + RANGE_BYTES).equals(read?.bytes ?? new Uint8Array()));
    }
  };
  await Promise.all(Array.from({ length: width }, reader));
}

async function* pieces(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 1 << 20) yield content.subarray(at, at + (1 << 20));
}

/** A proxy in a process of its own, which does not share our thread; or the server itself when there is no delay. */
async function startNetwork(server: GcsServer, delayMillis: number): Promise<{ url: string; end(): void }> {
  if (delayMillis === 0) return { url: server.url, end: () => undefined };
  const code = `
    import { TcpProxy } from ${JSON.stringify(import.meta.resolve('../fixtures/gcs/tcp-proxy.ts'))};
    const proxy = await TcpProxy.before(${server.port});
    proxy.delayMillis = ${delayMillis / 2};
    console.log(proxy.url);
  `;
  const flags = ['--input-type=module', '--eval', code];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  return { url, end: () => child.kill('SIGKILL') };
}

/** CPU of this process and another, in milliseconds; the kernel counts the other's in ticks of 10. */
function cpuMillis(pid: number | undefined): number {
  const { user, system } = process.cpuUsage();
  const stat = pid === undefined ? '' : readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [ticks, systemTicks] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) / 1000 + 10 * ((ticks ?? 0) + (systemTicks ?? 0));
}

if (import.meta.main) {
  for (const delayMillis of [0, 20]) {
    const rounds = await Array.fromAsync([1, 2, 3], () =>
      measureWays({ bytes: 64 * 1024 * 1024, ranges: 200, delayMillis }),
    );
    process.stdout.write(`\n${delayMillis} ms per request; ms, and ms of CPU, each the median of 3\n`);
    for (const { name } of steps) {
      const median = (way: 'api' | 'mount', what: keyof Cost) =>
        rounds.map((round) => ('skip' in round ? 0 : (round[way].get(name)?.[what] ?? 0))).toSorted((a, b) => a - b)[1];
      const shown = (way: 'api' | 'mount') =>
        `${median(way, 'millis')?.toFixed(0)} (${median(way, 'cpuMillis')?.toFixed(0)})`.padEnd(14);
      process.stdout.write(`${name.padEnd(20)} API ${shown('api')} mount ${shown('mount')}\n`);
    }
  }
}
