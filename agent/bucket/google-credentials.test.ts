import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { googleCredentials } from './google-credentials.ts';

const google = new URL('https://storage.googleapis.com/storage/v1/b/acme-jente/o');
const before = { ...process.env };

beforeEach(() => {
  for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'google_application_credentials', 'GCE_METADATA_HOST']) {
    delete process.env[name];
  }
  process.env['CLOUDSDK_CONFIG'] = join(tmpdir(), 'no-such-folder');
});
afterEach(() => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, before);
});

/** A metadata server as a pod with Workload Identity has one. */
async function metadataServer(answer: (request: IncomingMessage, reply: ServerResponse) => void) {
  const requests: string[] = [];
  const server = createServer((request, reply) => {
    requests.push(request.url ?? '');
    assert.equal(request.headers['metadata-flavor'], 'Google');
    answer(request, reply);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  process.env['GCE_METADATA_HOST'] = `127.0.0.1:${address.port}`;
  process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { requests, close };
}

const json = { 'content-type': 'application/json', 'metadata-flavor': 'Google' };
const token = JSON.stringify({ access_token: 'a-token', expires_in: 3600, token_type: 'Bearer' });

test('in a pod the metadata server’s token is used, asked for once, and only to read and write objects', async () => {
  const server = await metadataServer((_, reply) => {
    reply.writeHead(200, json).end(token);
  });
  try {
    const authorize = googleCredentials();
    assert.equal((await authorize(google))['authorization'], 'Bearer a-token');
    assert.equal((await authorize(google))['authorization'], 'Bearer a-token');
    const tokens = server.requests.filter((path) => path.includes('/token'));
    assert.equal(tokens.length, 1);
    assert.match(
      decodeURIComponent(tokens[0] ?? ''),
      /service-accounts\/default\/token\?scopes=.*devstorage.read_write$/,
    );
  } finally {
    server.close();
  }
});

test('a metadata server that knows no account is not asked again and again', async () => {
  const server = await metadataServer((_, reply) => {
    reply.writeHead(403, json).end('{"error":"forbidden"}');
  });
  try {
    await assert.rejects(googleCredentials()(google), { code: 'unauthenticated', mend: /Workload Identity/ });
  } finally {
    server.close();
  }
});

test('something else that answers in the place of the metadata server, for a while, is worth asking again', async () => {
  let broken = true;
  const server = await metadataServer((_, reply) => {
    if (broken) reply.end('<html>');
    else reply.writeHead(200, json).end(token);
  });
  try {
    const authorize = googleCredentials();
    await assert.rejects(authorize(google), { code: 'unavailable' });
    broken = false;
    assert.equal((await authorize(google))['authorization'], 'Bearer a-token');
  } finally {
    server.close();
  }
});

test('without any credentials the error says how to get some', async () => {
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  await assert.rejects(googleCredentials()(google), { code: 'unauthenticated', mend: /gcloud auth/ });
});

test('a credential file that is not there is said to be missing', async () => {
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(tmpdir(), 'no-such-file.json');
  await assert.rejects(googleCredentials()(google), { code: 'unauthenticated', message: /no-such-file/ });
});
