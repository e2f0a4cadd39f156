/** The bucket as a folder on a real GCS Fuse mount. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bucketSuite } from '@opencrane/agent/bucket/bucket.suite.ts';
import { DirectoryBucket } from '@opencrane/agent/bucket/directory-bucket.ts';
import { GcsBucket } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { hangingWriter, WRITTEN_BYTES, writer } from '@opencrane/agent/bucket/testing.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { type GcsfuseMount, mountGcsfuse } from '../fixtures/gcs/gcsfuse-mount.ts';

const ports = { clock: systemClock, random: Math.random };
const name = parseObjectName;
const text = (content: string) => new TextEncoder().encode(content);

/** A bucket, mounted. */
type Stage = {
  readonly server: GcsServer;
  readonly bucket: string;
  readonly mount: GcsfuseMount;
  end(): Promise<void>;
};

async function stage(): Promise<Stage | { readonly skip: string }> {
  const server = await startGcsServer();
  if ('skip' in server) return server;
  const bucket = await server.bucket();
  const mount = await mountGcsfuse(server.url, bucket);
  const end = async () => {
    if (!('skip' in mount)) await mount.unmount();
    await server.stop();
  };
  if (!('skip' in mount)) return { server, bucket, mount, end };
  await end();
  return mount;
}

bucketSuite(
  'a folder on GCS Fuse',
  async () => {
    const started = await stage();
    if ('skip' in started) return started;
    let count = 0;
    return {
      async empty() {
        count += 1;
        const path = join(started.mount.path, `${count}`);
        await mkdir(path);
        return { open: () => new DirectoryBucket(path, ports) };
      },
      end: started.end,
    };
  },
  { many: 100 },
);

let shared: Stage | undefined;
let reason = '';
before(async () => {
  const started = await stage();
  if ('skip' in started) reason = started.skip;
  else shared = started;
});
after(() => shared?.end());

function on(what: string, check: (stage: Stage, folder: string) => Promise<void>): void {
  test(what, async (context) => {
    if (shared === undefined) return context.skip(reason);
    const folder = join(shared.mount.path, randomUUID());
    await mkdir(folder);
    await check(shared, folder);
  });
}

on('a writer killed in the middle leaves no object, though GCS Fuse uploads what it wrote', async (_, folder) => {
  const other = hangingWriter(folder);
  assert.equal(await other.heard(), 'in the middle');
  await other.kill();
  const bucket = new DirectoryBucket(folder, ports);
  assert.equal(await bucket.info(name('half')), undefined);
  assert.deepEqual(await Array.fromAsync(bucket.list('')), []);
  assert.equal((await readdir(join(folder, '~drafts'))).length, 1);

  assert.notEqual(await bucket.create(name('half'), text('whole')), 'exists');
  const later = { ...systemClock, now: () => Date.now() + 3_700_000 };
  await new DirectoryBucket(folder, { ...ports, clock: later }).create(name('b'), text('x'));
  assert.deepEqual(await readdir(join(folder, '~drafts')), []);
});

on('killed at any moment, a writer leaves whole objects only', async (_, folder) => {
  for (const kills of [2, 5]) {
    const other = writer(folder);
    for (let i = 0; i < kills; i += 1) await other.heard();
    await other.kill();
    const bucket = new DirectoryBucket(folder, ports);
    const found = await Array.fromAsync(bucket.list('many/'));
    assert.ok(found.every(({ bytes }) => bytes === WRITTEN_BYTES));
    for (const object of found) await bucket.delete(object.name);
  }
});

test('what is written by the API is there in the folder, and the other way round', async (context) => {
  if (shared === undefined) return context.skip(reason);
  const { server, bucket, mount } = shared;
  const target = { bucket, endpoint: new URL(server.url), authorize: anonymous };
  const api = new GcsBucket(target, { ...ports, newId: randomUUID, stallMillis: 10_000 });
  const folder = new DirectoryBucket(mount.path, ports);
  await api.create(name('both/by-api'), text('one'));
  await folder.create(name('both/by-folder'), text('two'));
  for (const way of [api, folder]) {
    assert.deepEqual((await way.read(name('both/by-api')))?.bytes, Buffer.from('one'));
    assert.deepEqual((await way.read(name('both/by-folder')))?.bytes, Buffer.from('two'));
    const names = (await Array.fromAsync(way.list('both/'))).map((found) => found.name);
    assert.deepEqual(names, ['both/by-api', 'both/by-folder']);
    assert.equal(await way.create(name('both/by-api'), text('x')), 'exists');
    assert.equal(await way.create(name('both/by-folder'), text('x')), 'exists');
  }
});

test('GCS Fuse that is gone makes the bucket unavailable, not empty', async (context) => {
  const started = await stage();
  if ('skip' in started) return context.skip(started.skip);
  try {
    const bucket = new DirectoryBucket(started.mount.path, ports);
    await bucket.create(name('vault/head'), text('one'));
    await started.mount.kill();
    const away = { code: 'unavailable' };
    await assert.rejects(bucket.read(name('vault/head')), away);
    await assert.rejects(bucket.info(name('vault/other')), away);
    await assert.rejects(bucket.create(name('vault/lease'), text('x')), away);
    await assert.rejects(Array.fromAsync(bucket.list('')), away);
  } finally {
    await started.end();
  }
});
