import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { HttpClient } from './http-client.ts';

test('a bucket elsewhere is asked through the proxy of the environment, one on this machine is not', async (t) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.end('it');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo; // it listens on a port
  t.after(() => new Promise((done) => server.close(done)));
  for (const name of ['http_proxy', 'HTTP_PROXY']) {
    seen.length = 0;
    const client = new HttpClient(5_000, { [name]: `http://127.0.0.1:${port}` });
    for (const url of ['http://storage.invalid/x', `http://127.0.0.1:${port}/y`]) {
      const reply = await client.send({ doing: 'reading', method: 'GET', url: new URL(url) });
      for await (const piece of reply.body) assert.equal(String(piece), 'it');
    }
    assert.deepEqual(seen, ['http://storage.invalid/x', '/y'], name);
  }
  server.closeAllConnections();
});
