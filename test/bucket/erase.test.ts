/** What a bucket on GCS holds beside the agent's objects goes with its tenant: other names, and what the bucket keeps of old ones. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { GcsBucket } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { TcpProxy } from '../fixtures/gcs/tcp-proxy.ts';

test('names that no agent writes, and former generations in a bucket with object versioning', async (t) => {
  const server = await startGcsServer();
  if ('skip' in server) return t.skip(server.skip);
  t.after(() => server.stop());
  const bucket = 'versioned';
  const post = (path: string, body: string) => fetch(`${server.url}${path}`, { method: 'POST', body });
  await post('/storage/v1/b?project=test', JSON.stringify({ name: bucket, versioning: { enabled: true } }));
  await post(
    `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent('uploads/été à Paris')}`,
    'a',
  );
  const proxy = await TcpProxy.before(server.port);
  t.after(() => proxy.close());
  const target = { bucket, endpoint: new URL(proxy.url), authorize: anonymous };
  const ports = { clock: systemClock, random: () => 0, newId: randomUUID, stallMillis: 5_000 };
  const ours = new GcsBucket(target, ports);
  const [head, pack] = [parseObjectName('vault/head'), parseObjectName('vault/packs/1')];
  const generation = await ours.create(head, Buffer.from('first'));
  assert.notEqual(generation, 'exists');
  if (generation !== 'exists') await ours.replace(head, Buffer.from('second'), generation);
  await ours.create(pack, Buffer.from('pruned'));
  await ours.delete(pack);
  const reply = await fetch(`${server.url}/storage/v1/b/${bucket}/o?versions=true`);
  const items: { name: string; generation: string }[] = Object(await reply.json()).items;
  const all = ['uploads/été à Paris', 'vault/head', 'vault/head', 'vault/packs/1'];
  assert.deepEqual(items.map((item) => item.name).toSorted(), all);
  proxy.requests.length = 0;
  assert.deepEqual(await ours.erase([]), { objects: 4, bytes: 18 });
  // The server here takes a removal of a generation for one of the object, so what is asked for is looked at.
  const removals = proxy.requests.filter((line) => line.startsWith('DELETE '));
  const asked = items.map((item) => {
    const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(item.name)}`;
    return `DELETE ${path}?generation=${item.generation}`;
  });
  assert.deepEqual(removals.toSorted(), asked.toSorted());
  assert.deepEqual(await Array.fromAsync(ours.list('')), []);
});
