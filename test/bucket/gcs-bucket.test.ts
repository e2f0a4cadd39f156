/** The bucket through the GCS API, on a server of it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { bucketSuite } from '@opencrane/agent/bucket/bucket.suite.ts';
import { GcsBucket } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { startGcsServer } from '../fixtures/gcs/gcs-server.ts';

const ports = { clock: systemClock, random: () => 0, newId: randomUUID, stallMillis: 5_000 };

bucketSuite(
  'a bucket on GCS',
  async () => {
    const server = await startGcsServer();
    if ('skip' in server) return server;
    return {
      async empty() {
        const target = { bucket: await server.bucket(), endpoint: new URL(server.url), authorize: anonymous };
        return { open: () => new GcsBucket(target, ports) };
      },
      end: () => server.stop(),
    };
  },
  { many: 3000 },
);

test('an object says when the server took it, whatever this machine’s clock says', async (t) => {
  const server = await startGcsServer();
  if ('skip' in server) return t.skip(server.skip);
  t.after(() => server.stop());
  const target = { bucket: await server.bucket(), endpoint: new URL(server.url), authorize: anonymous };
  const clock = { ...systemClock, now: () => 0 };
  const bucket = new GcsBucket(target, { ...ports, clock });
  const before = Date.now();
  await bucket.create(parseObjectName('vault/head'), Buffer.from('x'));
  const after = Date.now();
  const [listed] = await Array.fromAsync(bucket.list(''));
  const { serverMillis } = listed ?? {};
  assert.ok(serverMillis !== undefined && serverMillis >= before - 1_000 && serverMillis <= after + 1_000);
  assert.equal((await bucket.info(parseObjectName('vault/head')))?.serverMillis, serverMillis);
});
