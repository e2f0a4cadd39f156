/** The bucket through the GCS API over a network that loses replies, stands still, refuses, or is not there. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Bucket } from '@opencrane/agent/bucket/bucket.ts';
import { GcsBucket, type GcsBucketPorts } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../fixtures/gcs/tcp-proxy.ts';

const STALL_MILLIS = 150;
const ports = { clock: systemClock, random: () => 0, newId: randomUUID, stallMillis: STALL_MILLIS };
const name = parseObjectName;
const text = (content: string) => new TextEncoder().encode(content);
const large = Buffer.alloc(4_000_000, 'a large object ');

let server: GcsServer | undefined;
let reason = '';
let proxy: TcpProxy; // one for each test
let bucketName: string;

before(async () => {
  const started = await startGcsServer();
  if ('skip' in started) reason = started.skip;
  else server = started;
});
after(() => server?.stop());

beforeEach(async () => {
  if (server === undefined) return;
  proxy = await TcpProxy.before(server.port);
  bucketName = await server.bucket();
});
afterEach(() => proxy?.close());

/** `faulty` goes through the proxy, `direct` does not. */
type Both = { readonly faulty: Bucket; readonly direct: Bucket };

function on(what: string, check: (both: Both) => Promise<void>, changed: Partial<GcsBucketPorts> = {}): void {
  test(what, async (context) => {
    if (server === undefined) return context.skip(reason);
    const open = (url: string, more: Partial<GcsBucketPorts>) =>
      new GcsBucket({ bucket: bucketName, endpoint: new URL(url), authorize: anonymous }, { ...ports, ...more });
    await check({ faulty: open(proxy.url, changed), direct: open(server.url, { stallMillis: 10_000 }) });
  });
}

const sent = (method: string) => proxy.requests.filter((request) => request.startsWith(method)).length;

on('a create whose reply was lost is known to have won', async ({ faulty, direct }) => {
  proxy.faults.push({ kind: 'lost reply', method: 'POST' });
  const generation = await faulty.create(name('vault/lease'), text('mine'));
  assert.notEqual(generation, 'exists');
  assert.deepEqual(await direct.read(name('vault/lease')), { bytes: Buffer.from('mine'), generation });
  assert.equal(sent('POST'), 2);
});

on('a replace whose reply was lost, and the one after it, is known to have won', async ({ faulty, direct }) => {
  const first = await direct.create(name('vault/head'), text('one'));
  assert.ok(first !== 'exists');
  proxy.faults.push({ kind: 'lost reply', method: 'POST' }, { kind: 'lost reply', method: 'POST' });
  const second = await faulty.replace(name('vault/head'), text('two'), first);
  assert.deepEqual(await direct.read(name('vault/head')), { bytes: Buffer.from('two'), generation: second });
});

on('who truly lost is told so, also when replies were lost', async ({ faulty, direct }) => {
  const first = await direct.create(name('vault/head'), text('one'));
  assert.ok(first !== 'exists');
  assert.notEqual(await direct.replace(name('vault/head'), text('theirs'), first), 'conflict');
  proxy.faults.push({ kind: 'lost reply', method: 'POST' }, { kind: 'lost reply', method: 'POST' });
  assert.equal(await faulty.create(name('vault/head'), text('theirs')), 'exists');
  proxy.faults.push({ kind: 'lost reply', method: 'POST' });
  assert.equal(await faulty.replace(name('vault/head'), text('theirs'), first), 'conflict');
});

test('when another replaced ours before our second attempt, ours is not what is there', async (context) => {
  if (server === undefined) return context.skip(reason);
  const target = { bucket: bucketName, authorize: anonymous };
  const direct = new GcsBucket({ ...target, endpoint: new URL(server.url) }, ports);
  const clock = {
    ...systemClock,
    async sleep() {
      const ours = await direct.read(name('vault/head'));
      assert.deepEqual(ours?.bytes, Buffer.from('ours'));
      assert.notEqual(await direct.replace(name('vault/head'), text('theirs'), ours.generation), 'conflict');
    },
  };
  const faulty = new GcsBucket({ ...target, endpoint: new URL(proxy.url) }, { ...ports, clock });
  proxy.faults.push({ kind: 'lost reply', method: 'POST' });
  assert.equal(await faulty.create(name('vault/head'), text('ours')), 'exists');
});

async function* stream(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 300_000) yield content.subarray(at, at + 300_000);
}

on('a stream whose reply was lost is known to have arrived', async ({ faulty, direct }) => {
  proxy.faults.push({ kind: 'lost reply', method: 'POST' });
  const generation = await faulty.create(name('runtime/a'), stream(large));
  assert.deepEqual(await direct.info(name('runtime/a')), { name: 'runtime/a', bytes: large.length, generation });
  assert.equal(sent('POST'), 1, 'a stream can be sent once');
});

on('a stream that was refused for a moment is for the caller to send again; nothing of it is there', async (both) => {
  proxy.faults.push({ kind: 'answer', method: 'POST', status: 503 });
  await assert.rejects(both.faulty.create(name('runtime/a'), stream(large)), { code: 'unavailable' });
  assert.equal(await both.direct.info(name('runtime/a')), undefined);
  assert.notEqual(await both.faulty.create(name('runtime/a'), stream(large)), 'exists');
});

on('a stream is not sent when its name is taken', async ({ faulty, direct }) => {
  await direct.create(name('runtime/a'), text('x'));
  assert.equal(await faulty.create(name('runtime/a'), stream(large)), 'exists');
  assert.equal(sent('POST'), 0);
});

on('what arrived damaged is taken away again', async ({ faulty }) => {
  const damaged = { name: 'runtime/a', size: '4000000', generation: '7', md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' };
  proxy.faults.push({ kind: 'answer', method: 'POST', status: 200, body: JSON.stringify(damaged) });
  await assert.rejects(faulty.create(name('runtime/a'), stream(large)), { code: 'data_loss' });
  assert.match(proxy.requests.at(-1) ?? '', /^DELETE .*ifGenerationMatch=7$/);
});

for (const status of [408, 429, 500, 502, 503, 504]) {
  on(`${status} is tried again`, async ({ faulty, direct }) => {
    for (const method of ['POST', 'GET', 'DELETE']) {
      proxy.faults.push({ kind: 'answer', method, status }, { kind: 'answer', method, status });
    }
    const generation = await faulty.create(name('a'), text('x'));
    assert.deepEqual(await faulty.read(name('a')), { bytes: Buffer.from('x'), generation });
    await faulty.delete(name('a'));
    assert.equal(await direct.info(name('a')), undefined);
    assert.deepEqual([sent('POST'), sent('GET'), sent('DELETE')], [3, 3, 3]);
  });
}

on('a server that stays busy is unavailable after five attempts', async ({ faulty }) => {
  for (let i = 0; i < 10; i += 1) proxy.faults.push({ kind: 'answer', method: 'POST', status: 503 });
  const busy = { code: 'unavailable', reason: 'bucket_unavailable', message: /creating a in gs:.* 503/ };
  await assert.rejects(faulty.create(name('a'), text('x')), busy);
  assert.equal(sent('POST'), 5);
});

const rated = JSON.stringify({ error: { code: 403, message: 'slow down', errors: [{ reason: 'rateLimitExceeded' }] } });
const forbidden = JSON.stringify({ error: { code: 403, message: 'jente has no storage.objects.create access' } });

const refusals = [
  { status: 401, body: '', error: { code: 'permission_denied', mend: /roles\/storage.objectUser/ }, attempts: 1 },
  { status: 403, body: forbidden, error: { code: 'permission_denied', message: /jente has no/ }, attempts: 1 },
  { status: 403, body: rated, error: { code: 'unavailable', message: /slow down/ }, attempts: 5 },
  { status: 404, body: '', error: { code: 'not_found', reason: 'bucket_missing' }, attempts: 1 },
  { status: 400, body: '<html>', error: { code: 'internal', reason: 'bucket_reply' }, attempts: 1 },
  { status: 200, body: '<html>', error: { code: 'internal', reason: 'bucket_reply' }, attempts: 1 },
];

for (const { status, body, error, attempts } of refusals) {
  on(`${status} ${body.slice(0, 60)} is ${error.code}, after ${attempts}`, async ({ faulty }) => {
    for (let i = 0; i < 5; i += 1) proxy.faults.push({ kind: 'answer', method: 'POST', status, body });
    await assert.rejects(faulty.create(name('a'), text('x')), error);
    assert.equal(sent('POST'), attempts);
  });
}

test('a bucket that is not there is told from an object that is not there', async (context) => {
  if (server === undefined) return context.skip(reason);
  const target = { bucket: 'no-such-bucket', endpoint: new URL(server.url), authorize: anonymous };
  const missing = { code: 'not_found', reason: 'bucket_missing' };
  const calls: readonly ((bucket: Bucket) => Promise<unknown>)[] = [
    (bucket) => bucket.read(name('a')),
    (bucket) => bucket.info(name('a')),
    (bucket) => bucket.stream(name('a')),
    (bucket) => bucket.delete(name('a')),
    (bucket) => bucket.create(name('a'), text('x')),
    (bucket) => Array.fromAsync(bucket.list('')),
  ];
  for (const call of calls) await assert.rejects(call(new GcsBucket(target, ports)), missing);
});

const oneConnection = async ({ faulty }: Both) => {
  for (let i = 0; i < 5; i += 1) {
    await faulty.create(name('a'), text('x'));
    await faulty.read(name('a'), { start: 9, end: 10 });
    await faulty.info(name('b'));
    await faulty.create(name(`runtime/${i}`), stream(large));
    await Array.fromAsync((await faulty.stream(name('runtime/0'))) ?? []);
    await faulty.delete(name('c'));
  }
  assert.equal(proxy.accepted, 1);
};
// A machine that stands still for a moment is no bucket that does.
on('one connection serves call after call, also after refusals', oneConnection, { stallMillis: 10_000 });

on('a reply that never comes is not waited for', async ({ faulty, direct }) => {
  proxy.faults.push({ kind: 'stall', method: 'POST' }, { kind: 'stall', method: 'GET' });
  const generation = await faulty.create(name('a'), text('x'));
  assert.deepEqual(await direct.read(name('a')), { bytes: Buffer.from('x'), generation });
  for (let i = 0; i < 5; i += 1) proxy.faults.push({ kind: 'stall', method: 'GET' });
  await assert.rejects(faulty.read(name('a')), { code: 'unavailable', message: /nothing came for 0.15 s/ });
  await awaitFact('no connection is left hanging', () => proxy.open <= 1);
});

on('a reply that breaks off is never taken for a short object', async ({ faulty, direct }) => {
  await direct.create(name('runtime/a'), large);
  for (const kind of ['lost reply', 'stall'] as const) {
    proxy.faults.push({ kind, method: 'GET', afterBytes: 1_000_000 });
    const read = await faulty.read(name('runtime/a'));
    assert.ok(large.equals(read?.bytes ?? new Uint8Array()), `${kind}: read again, and whole`);
    proxy.faults.push({ kind, method: 'GET', afterBytes: 1_000_000 });
    let got = 0;
    const consume = async () => {
      for await (const piece of (await faulty.stream(name('runtime/a'))) ?? []) got += piece.length;
    };
    await assert.rejects(consume(), { code: 'unavailable' }, kind);
    assert.ok(got > 0 && got < large.length, `${kind}: ${got} bytes came`);
  }
});

on('a stream is gone on with where it broke off', async ({ faulty, direct }) => {
  await direct.create(name('runtime/a'), large);
  const got: Uint8Array[] = [];
  let done = 0;
  proxy.faults.push({ kind: 'lost reply', method: 'GET', afterBytes: 1_500_000 });
  for (let breaks = 0; done < large.length; breaks += 1) {
    assert.ok(breaks < 2);
    try {
      for await (const piece of (await faulty.stream(name('runtime/a'), done)) ?? []) {
        got.push(piece);
        done += piece.length;
      }
    } catch (cause) {
      assert.ok(cause instanceof Error && 'code' in cause && cause.code === 'unavailable');
    }
  }
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  assert.equal(digest(Buffer.concat(got)), digest(large));
});

on(
  'a signal ends a call that waits for a reply, and its connection',
  async ({ faulty, direct }) => {
    await direct.create(name('a'), text('x'));
    const waiting: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
      POST: (signal) => faulty.create(name('b'), text('x'), signal),
      GET: (signal) => faulty.read(name('a'), undefined, signal),
      DELETE: (signal) => faulty.delete(name('a'), signal),
    };
    for (const [method, call] of Object.entries(waiting)) {
      proxy.faults.push({ kind: 'stall', method });
      const controller = new AbortController();
      const ended = assert.rejects(call(controller.signal), { code: 'cancelled' });
      await awaitFact(`${method} is on its way`, () => sent(method) > 0, { everyMillis: 5 });
      controller.abort();
      await ended;
      await awaitFact('the connection is closed', () => proxy.open === 0, { everyMillis: 5 });
    }
  },
  { stallMillis: 60_000 },
);

on(
  'a signal ends a stream between its pieces',
  async ({ faulty, direct }) => {
    await direct.create(name('runtime/a'), large);
    proxy.faults.push({ kind: 'stall', method: 'GET', afterBytes: 1_000_000 });
    const controller = new AbortController();
    const pieces = await faulty.stream(name('runtime/a'), 0, controller.signal);
    const consume = async () => {
      for await (const piece of pieces ?? []) if (piece.length > 0) controller.abort();
    };
    await assert.rejects(consume(), { code: 'cancelled' });
  },
  { stallMillis: 60_000 },
);

on(
  'a deadline is told from a cancellation',
  async ({ faulty }) => {
    proxy.faults.push({ kind: 'stall', method: 'POST' });
    const late = { code: 'deadline_exceeded', message: /creating a in gs:/ };
    await assert.rejects(faulty.create(name('a'), text('x'), AbortSignal.timeout(50)), late);
  },
  { stallMillis: 60_000 },
);

on('a network that is away is unavailable, and then is there again', async ({ faulty }) => {
  await faulty.create(name('a'), text('x'));
  proxy.away = true;
  await assert.rejects(faulty.read(name('a')), { code: 'unavailable', reason: 'bucket_unreachable' });
  await assert.rejects(Array.fromAsync(faulty.list('')), { code: 'unavailable' });
  proxy.away = false;
  assert.deepEqual((await faulty.read(name('a')))?.bytes, Buffer.from('x'));
});

on('who is slow to read or to write is not taken for a network that stands still', async ({ faulty, direct }) => {
  // The one thing that takes real time: to be slower than the connection may be still.
  const dawdle = () => systemClock.sleep(3 * STALL_MILLIS);
  async function* slow() {
    yield large.subarray(0, 2_000_000);
    await dawdle();
    yield large.subarray(2_000_000);
  }
  assert.notEqual(await faulty.create(name('runtime/a'), slow()), 'exists');
  assert.ok(large.equals((await direct.read(name('runtime/a')))?.bytes ?? new Uint8Array()));
  let got = 0;
  for await (const piece of (await faulty.stream(name('runtime/a'))) ?? []) {
    if (got === 0) await dawdle();
    got += piece.length;
  }
  assert.equal(got, large.length);
});
