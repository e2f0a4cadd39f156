import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '@opencrane/kit/clock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { silent } from '../store/testing.ts';
import { OnePort } from './one-port.ts';

const patience = { headersMillis: 400, stallMillis: 400, requestMillis: 60_000, restMillis: 60_000 };
const SENDERS = 300;

/** A port whose handler reads a whole request and answers with its length. */
async function start(t: TestContext) {
  const port = new OnePort({
    host: '127.0.0.1',
    port: 0,
    log: silent,
    clock: systemClock,
    patience,
    handle(request, response) {
      let length = 0;
      request.on('error', () => {}); // cut
      request.on('data', (piece: Buffer) => {
        length += piece.length;
      });
      request.on('end', () => response.end(String(length)));
    },
  });
  await port.listen();
  t.after(async () => {
    port.destroy();
    await port.close();
  });
  return { port, number: port.address().port };
}

/** The first bytes of HTTP/2, and a HEADERS frame of which only the head comes. */
const halfHeaders = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 1, 0, 1, 4, 0, 0, 0, 1]),
]);

const halves: readonly { reason: string; bytes: string | Buffer }[] = [
  { reason: 'HTTP/1.1 headers', bytes: 'POST / HTTP/1.1\r\nhost: x\r\n' },
  { reason: 'an HTTP/1.1 body', bytes: 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf' },
  { reason: 'HTTP/2 headers', bytes: halfHeaders },
  { reason: 'the word that begins HTTP/2', bytes: 'PRI * HT' },
];
for (const { reason, bytes } of halves) {
  test(`${SENDERS} connections that send half of ${reason} are cut, and a steady upload beside them is not`, async (t) => {
    const { port, number } = await start(t);
    const upload = slowUpload(number);
    const sockets: Socket[] = [];
    for (let count = 0; count < SENDERS; count += 1) {
      const socket = connect(number, '127.0.0.1');
      socket.on('error', () => {}).resume();
      socket.write(bytes);
      sockets.push(socket);
    }
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await awaitFact('they are cut', () => sockets.every(({ closed }) => closed), { everyMillis: 20 });
    assert.match(await upload, /^HTTP\/1\.1 200.*\r\n\r\n.*20/s);
    assert.ok(port.connections <= 1);
  });
}

test(`${SENDERS} HTTP/2 requests whose bodies stop half way are cut, beside one on the same connection that does not`, async (t) => {
  const { number } = await start(t);
  const session = connectHttp2(`http://127.0.0.1:${number}`);
  t.after(() => session.destroy());
  const steady = session.request({ ':method': 'POST' });
  const answered = Array.fromAsync(steady.setEncoding('utf8'));
  let cut = 0;
  for (let count = 0; count < SENDERS; count += 1) {
    const stream = session.request({ ':method': 'POST' });
    stream.on('error', () => {}).resume();
    stream.once('close', () => {
      cut += 1;
    });
    stream.write('half');
  }
  for (let count = 0; count < 20; count += 1) {
    steady.write('x');
    await setTimeout(100);
  }
  steady.end();
  assert.equal((await answered).join(''), '20');
  await awaitFact('they are cut', () => cut === SENDERS, { everyMillis: 20 });
});

/** Twenty bytes in two seconds. Resolves with the answer. */
async function slowUpload(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20\r\n\r\n');
  const answer = Array.fromAsync(socket);
  for (let count = 0; count < 20; count += 1) {
    socket.write('x');
    await setTimeout(100);
  }
  return (await answer).join('');
}
