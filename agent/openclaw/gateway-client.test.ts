import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { connectGateway } from './gateway-client.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
after(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A server that speaks as much of WebSocket as these tests need: `first` is what it says to who connects. */
async function serve(first: readonly string[] | 'nothing'): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (first === 'nothing') return;
    socket.once('data', (request) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(String(request))?.[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      for (const text of first) socket.write(textFrame(text));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
}

const challenge = JSON.stringify({ type: 'event', event: 'connect.challenge', payload: { nonce: 'n', ts: 1 } });

test('nobody listens: unavailable', async () => {
  const port = await serve('nothing');
  await new Promise((resolve) => servers.pop()?.close(resolve));
  await assert.rejects(connectGateway({ port, token: 't' }), { code: 'unavailable', reason: 'gateway_disconnected' });
});

test('a port that takes the connection and says nothing is given up at the deadline', async () => {
  const port = await serve('nothing');
  await assert.rejects(connectGateway({ port, token: 't', timeoutMillis: 50 }), { code: 'unavailable' });
});

test('a gateway that never answers the handshake is given up at the deadline', async () => {
  const port = await serve([challenge]);
  await assert.rejects(connectGateway({ port, token: 't', timeoutMillis: 50 }), { code: 'unavailable' });
});

test('something that does not speak the protocol is hung up on', async () => {
  const port = await serve(['{"hello":"world"}']);
  await assert.rejects(connectGateway({ port, token: 't' }), { code: 'unavailable' });
});

test('a caller that gives up hears their own abort', async () => {
  const port = await serve([challenge]);
  const stop = new AbortController();
  const connecting = connectGateway({ port, token: 't', signal: stop.signal });
  stop.abort();
  await assert.rejects(connecting, { name: 'AbortError' });
});
