import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import fc from 'fast-check';
import { parseObjectName } from './layout.ts';
import { openBucket } from './open-bucket.ts';

const google = new URL('https://storage.googleapis.com');

const addresses = [
  { text: '/data/openclaw', is: { kind: 'folder', path: '/data/openclaw' } },
  { text: '/data/../data/openclaw/', is: { kind: 'folder', path: '/data/openclaw' } },
  { text: './bucket', is: { kind: 'folder', path: resolve('bucket') } },
  { text: '.opencrane/tenants/jente', is: { kind: 'folder', path: resolve('.opencrane/tenants/jente') } },
  { text: 'tenants/jente', is: { kind: 'folder', path: resolve('tenants/jente') } },
  { text: '..', is: { kind: 'folder', path: resolve('..') } },
  { text: 'file:///data/open%20claw', is: { kind: 'folder', path: '/data/open claw' } },
  { text: 'gs://acme-jente', is: { kind: 'gcs', bucket: 'acme-jente', endpoint: google } },
  { text: 'gs://acme-jente/', is: { kind: 'gcs', bucket: 'acme-jente', endpoint: google } },
  {
    text: 'gs://acme_jente.example.org?endpoint=http://127.0.0.1:4443',
    is: { kind: 'gcs', bucket: 'acme_jente.example.org', endpoint: new URL('http://127.0.0.1:4443') },
  },
] as const;

for (const { text, is } of addresses) {
  test(`${text} is a ${is.kind}`, () => assert.deepEqual(parseBucketAddress(text, 'OPENCRANE_BUCKET'), is));
}

const refused = [
  { text: '', reason: /neither a folder nor a bucket/ },
  { text: 'acme-jente', reason: /neither a folder nor a bucket/ },
  { text: 's3://acme-jente', reason: /neither a folder nor a bucket/ },
  { text: 'gs:acme-jente', reason: /names no bucket/ },
  { text: 'gs://', reason: /names no bucket/ },
  { text: 'gs://A', reason: /names no bucket/ },
  { text: 'gs://Acme', reason: /names no bucket/ },
  { text: 'gs://acme-jente/vault', reason: /names more than a bucket/ },
  { text: 'gs://user@acme-jente', reason: /names more than a bucket/ },
  { text: 'gs://acme-jente#x', reason: /names more than a bucket/ },
  { text: 'gs://acme-jente?region=eu', reason: /has an option "region"/ },
  { text: 'gs://acme-jente?endpoint=', reason: /endpoint that is no server/ },
  { text: 'gs://acme-jente?endpoint=ftp://host', reason: /endpoint that is no server/ },
  { text: 'gs://acme-jente?endpoint=http://host/storage/v1', reason: /endpoint that is no server/ },
  { text: 'gs://acme-jente?endpoint=http://me:secret@host', reason: /endpoint that is no server/ },
  { text: 'file://elsewhere/data', reason: /no folder of this machine/ },
];

for (const { text, reason } of refused) {
  test(`"${text}" is refused: it ${reason.source}`, () => {
    const error = { code: 'invalid_argument', field: 'OPENCRANE_BUCKET', message: reason, mend: /./ };
    assert.throws(() => parseBucketAddress(text, 'OPENCRANE_BUCKET'), error);
  });
}

test('any text is an address, or refused in our words', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `gs://${rest}`),
    fc.string().map((rest) => `file:${rest}`),
  );
  fc.assert(
    fc.property(text, (written) => {
      try {
        const address = parseBucketAddress(written, 'x');
        assert.ok(address.kind === 'folder' ? address.path.startsWith('/') : address.bucket.length >= 3);
      } catch (thrown) {
        assert.ok(thrown instanceof OpenCraneError && thrown.reason === 'bucket_address_invalid', String(thrown));
      }
    }),
  );
});

test('a server that is not Google’s is never told who we are', async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, reply) => {
    seen.push(request.headers.authorization);
    reply.end('{"name":"a","size":"1","generation":"7"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const text = `gs://acme-jente?endpoint=http://127.0.0.1:${address.port}`;
    const ports = { clock: systemClock, random: Math.random, newId: randomUUID };
    const bucket = openBucket(parseBucketAddress(text, 'x'), ports);
    assert.equal(bucket.address, 'gs://acme-jente');
    assert.equal((await bucket.info(parseObjectName('a')))?.generation, '7');
    assert.deepEqual(seen, [undefined]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('Google’s library is not loaded for a folder, nor by opening a bucket', () => {
  const code = `
    import { createRequire } from 'node:module';
    import { openBucket } from ${JSON.stringify(import.meta.resolve('./open-bucket.ts'))};
    import { parseBucketAddress } from ${JSON.stringify(import.meta.resolve('@opencrane/kit/bucket-address.ts'))};
    const ports = { clock: { monotonic: () => 0, now: () => 0 }, random: Math.random, newId: () => '' };
    for (const text of ['/tmp', 'gs://acme-jente']) openBucket(parseBucketAddress(text, 'x'), ports);
    await openBucket(parseBucketAddress('/tmp', 'x'), ports).info('nothing-of-this-name');
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(loaded.filter((path) => path.includes('google')).length);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
  assert.equal(stdout, '0\n', stderr);
});
