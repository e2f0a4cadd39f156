/** The agent's link and the agent plane, together over real connections. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ReceiptLog } from '@opencrane/agent/stream/receipt-log.ts';
import { type Clock, ManualClock, systemClock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { HealthSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, ProgressSchema, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { blob, blobDigest, configOffer, startPlane } from './fakes.ts';
import { connected, makeLink, withLink } from './linked.ts';

const quick = { everyMillis: 5 };

/** Heartbeats come every 15 s. */
const hundredfold: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 100,
  sleep: (millis, signal) => systemClock.sleep(millis / 100, signal),
};

const applied = create(ReceiptSchema, {
  kind: Kind.CONFIG,
  state: ReceiptState.APPLIED,
  receiptId: 'r1',
  revision: 1n,
});

test('offers come in, receipts go out and are let go once stored', () =>
  withLink(async ({ world, startLink }) => {
    const it = startLink();
    await awaitFact('the offer comes', () => it.offers.length === 1, quick);
    assert.equal(it.offers[0]?.revision, 1n);
    it.link.sendReceipt(applied);
    assert.equal(it.receiptLog.pending().length, 1);
    await awaitFact('the receipt is let go', () => it.receiptLog.pending().length === 0, quick);
    assert.equal(world.observer.receipts.length, 1);
  }));

test('a receipt written while nobody was there is delivered later, also by the next agent process', () =>
  withLink(async ({ world, startLink }) => {
    const folder = mkdtempSync(join(tmpdir(), 'link-'));
    const before = ReceiptLog.open(join(folder, 'receipts'));
    before.keep(applied);
    before.close();
    const receiptLog = ReceiptLog.open(join(folder, 'receipts'));
    startLink({ receiptLog });
    await awaitFact('the receipt arrives', () => world.observer.receipts.length === 1, quick);
    await awaitFact('the receipt is let go', () => receiptLog.pending().length === 0, quick);
    receiptLog.close();
    rmSync(folder, { recursive: true });
  }));

test('a receipt whose storing was cut off is sent again', () =>
  withLink(async ({ world, startLink }) => {
    let failures = 1;
    world.observer.beforeStoring = async () => {
      if (failures-- > 0) throw new Error('the database was away for a moment');
    };
    const it = startLink();
    await connected(it);
    it.link.sendReceipt(applied);
    await awaitFact('the receipt is let go', () => it.receiptLog.pending().length === 0, quick);
    assert.equal(world.observer.receipts.length, 1);
  }));

test('receipts for which the database has no room cost no stream, and are stored in their order once there is', () =>
  withLink(async ({ world, startLink }) => {
    let tries = 0;
    world.observer.beforeStoring = async () => {
      tries += 1;
      if (tries <= 5) throw new OpenCraneError('resource_exhausted', 'disk_full', 'writing: the disk is full');
    };
    const it = startLink({ clock: hundredfold });
    await connected(it);
    const ids = ['r1', 'r2', 'r3'];
    for (const receiptId of ids) it.link.sendReceipt({ ...applied, receiptId });
    await awaitFact('the receipts are let go', () => it.receiptLog.pending().length === 0, quick);
    assert.deepEqual(
      world.observer.receipts.map(({ receiptId }) => receiptId),
      ids,
    );
    assert.deepEqual(
      world.observer.log.filter((line) => line.includes('connected')),
      ['connected jente'],
    );
  }));

test('health and progress are coalesced while there is no stream, and health is said again on a new one', () =>
  withLink(async ({ world, startLink }) => {
    const it = startLink();
    for (let count = 0; count < 100; count += 1) {
      it.link.reportHealth(create(HealthSchema, { gatewayPid: BigInt(count) }));
      it.link.reportProgress(create(ProgressSchema, { operation: 'boot', doneBytes: BigInt(count) }));
    }
    const heard = (what: string) => world.observer.log.filter((line) => line === `${what} jente`).length;
    await awaitFact('both arrive', () => heard('health') > 0 && heard('progress') > 0, quick);
    assert.deepEqual([heard('health'), heard('progress')], [1, 1]);
  }));

test('commands are obeyed and their errors reported', () =>
  withLink(async ({ world, startLink }) => {
    const orders: (string | undefined)[] = [];
    const it = startLink({
      onCommand: async ({ command }) => {
        orders.push(command.case);
        if (command.case === 'drain') throw new Error('a turn is running');
      },
    });
    await connected(it);
    await world.plane.restart('jente');
    await assert.rejects(world.plane.drain('jente'), { code: 'failed_precondition', message: /a turn is running/ });
    assert.deepEqual(orders, ['restart', 'drain']);
  }));

test('a version is asked for and answered', () =>
  withLink(async ({ startLink }) => {
    const it = startLink();
    const answer = await it.link.requestRuntime('2026.9.6', new AbortController().signal);
    assert.deepEqual([answer.accepted, answer.version], [true, '2026.9.6']);
  }));

test('a request survives the end of its stream', () =>
  withLink(async ({ world, startLink }) => {
    const deciding = Promise.withResolvers<void>();
    world.observer.answerRuntime = async (_tenant, version) => {
      await deciding.promise;
      return { accepted: true, version, message: '', unchanged: false };
    };
    const it = startLink();
    await connected(it);
    const answer = it.link.requestRuntime('latest', new AbortController().signal);
    await awaitFact('it is being decided', () => world.observer.log.some((line) => line.startsWith('runtime')), quick);
    world.observer.beforeStoring = () => Promise.reject(new Error('ends the stream'));
    it.link.sendReceipt(applied);
    await awaitFact('the stream ends', () => world.observer.log.some((line) => line.startsWith('disconn')), quick);
    world.observer.beforeStoring = async () => {};
    deciding.resolve();
    assert.equal((await answer).accepted, true);
  }));

test('a request fails clearly when there is no coordinator, when it is given up and when the agent stops', async () => {
  const clock = new ManualClock();
  const { link, receiptLog, folder } = makeLink('127.0.0.1:1', { clock });
  const alone = link.requestRuntime('latest', new AbortController().signal);
  clock.advance(20_000);
  await assert.rejects(alone, { code: 'unavailable', reason: 'update_unanswered' });
  const impatient = new AbortController();
  const givenUp = link.requestRuntime('latest', impatient.signal);
  impatient.abort(new Error('Ctrl-C'));
  await assert.rejects(givenUp, /Ctrl-C/);
  const last = link.requestRuntime('latest', new AbortController().signal);
  await Promise.all([assert.rejects(last, { code: 'unavailable' }), link.stop()]);
  receiptLog.close();
  rmSync(folder, { recursive: true });
});

test('blobs are read from an offset on, in pieces of at most 256 KiB', () =>
  withLink(async ({ startLink }) => {
    const { link } = startLink();
    const { signal } = new AbortController();
    for (const offset of [0, 1, 300_000, blob.length]) {
      const pieces: Uint8Array[] = [];
      for await (const { data, totalBytes } of link.readBlob(blobDigest, offset, signal)) {
        assert.equal(totalBytes, blob.length);
        assert.ok(data.byteLength <= 256 * 1024);
        pieces.push(data);
      }
      assert.ok(Buffer.concat(pieces).equals(blob.subarray(offset)), `from ${offset} on`);
    }
    const missing = link.readBlob(digestOf('nothing'), 0, signal)[Symbol.asyncIterator]();
    await assert.rejects(missing.next(), { code: 'not_found', reason: 'blob_not_found' });
  }));

test('a blob is given up on the signal, and by a reader that stops reading', () =>
  withLink(async ({ startLink }) => {
    const { link } = startLink();
    const impatient = new AbortController();
    const reading = link.readBlob(blobDigest, 0, impatient.signal)[Symbol.asyncIterator]();
    await reading.next();
    impatient.abort();
    await assert.rejects(
      (async () => {
        while (!(await reading.next()).done);
      })(),
      { name: 'AbortError' },
    );
    for await (const _ of link.readBlob(blobDigest, 0, new AbortController().signal)) break;
  }));

test('a blob needs a good token', () =>
  withLink(async ({ startLink }) => {
    const it = startLink();
    await connected(it);
    writeFileSync(join(it.folder, 'token'), 'expired');
    const reading = it.link.readBlob(blobDigest, 0, new AbortController().signal)[Symbol.asyncIterator]();
    await assert.rejects(reading.next(), { code: 'unauthenticated', reason: 'token_expired' });
  }));

test('the token is read at every connect, so a renewed one is used', () =>
  withLink(async ({ world, startLink }) => {
    const it = startLink({ random: () => 0.01 });
    await connected(it);
    writeFileSync(join(it.folder, 'token'), 'expired');
    world.observer.beforeStoring = () => Promise.reject(new Error('ends the stream'));
    it.link.sendReceipt(applied);
    await awaitFact('the stream ends', () => !it.link.connected, quick);
    world.observer.beforeStoring = async () => {};
    writeFileSync(join(it.folder, 'token'), 'token-of-jente');
    await connected(it);
    assert.equal(readFileSync(join(it.folder, 'token'), 'utf8'), 'token-of-jente');
  }));

test('a coordinator that was killed is found again on the same port, and nothing is lost', async () => {
  const first = await startPlane();
  first.desired.set('jente', configOffer(1n, '{}'));
  const it = makeLink(first.address, { random: () => 0.02 });
  it.link.start();
  await awaitFact('the first offer comes', () => it.offers.length === 1, quick);
  const hurry = AbortSignal.abort();
  await first.plane.stop(hurry); // no time for goodbyes: connections are cut
  await awaitFact('the link notices', () => !it.link.connected, quick);
  it.link.sendReceipt(applied);
  const second = await startPlane({ port: Number(first.address.split(':')[1]) });
  second.desired.set('jente', configOffer(2n, '{"a":1}'));
  await awaitFact('the second offer comes', () => it.offers.at(-1)?.revision === 2n, quick);
  await awaitFact('the receipt arrives', () => second.observer.receipts.length === 1, quick);
  await it.link.stop();
  it.receiptLog.close();
  rmSync(it.folder, { recursive: true });
  await second.stop();
});

test('a coordinator that stands still is noticed by its silence', async () => {
  const clock = new ManualClock(Date.now());
  const world = await startPlane();
  world.desired.set('jente', configOffer(1n, '{}'));
  const tap = await startTap(world.address);
  const it = makeLink(tap.address, { clock });
  it.link.start();
  await connected(it);
  tap.freeze();
  await passUntil(clock, 'the link gives the stream up', () => !it.link.connected, 60_000);
  tap.thaw();
  await passUntil(clock, 'the link is back', () => it.link.connected, 60_000);
  await it.link.stop();
  it.receiptLog.close();
  rmSync(it.folder, { recursive: true });
  await tap.close();
  await world.stop();
});

test('a coordinator that accepts connections and says nothing is given up', async () => {
  const clock = new ManualClock(Date.now());
  const world = await startPlane();
  world.desired.set('jente', configOffer(1n, '{}'));
  const tap = await startTap(world.address);
  tap.freeze();
  const it = makeLink(tap.address, { clock });
  it.link.start();
  await awaitFact('it has connected', () => tap.connections() > 0, quick);
  const before = tap.connections();
  await passUntil(clock, 'it tries again', () => tap.connections() > before, 120_000);
  await it.link.stop();
  it.receiptLog.close();
  rmSync(it.folder, { recursive: true });
  await tap.close();
  await world.stop();
});

/** Lets time pass in steps until the fact holds; fails when more than `most` had to pass. */
async function passUntil(clock: ManualClock, fact: string, holds: () => boolean, most: number): Promise<void> {
  let passed = 0;
  await awaitFact(
    fact,
    () => {
      if (holds()) return true;
      clock.advance(500);
      passed += 500;
      assert.ok(passed <= most, `${fact}: not within ${most} ms`);
      return false;
    },
    quick,
  );
}

/** A TCP proxy that can stop passing anything on, as a process under SIGSTOP would. */
async function startTap(target: string) {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let frozen = false;
  let count = 0;
  const server: Server = createServer((inner) => {
    count += 1;
    const outer = connectTcp(Number(port), host);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => frozen || to.write(bytes));
      from.on('error', () => {});
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    address: typeof address === 'object' ? `127.0.0.1:${address?.port}` : '',
    connections: () => count,
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.destroy(); // what was frozen lost bytes: those streams are beyond repair
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy', 'HTTPS_PROXY']) {
  test(`a proxy in ${name} is not asked for a coordinator of this machine`, () =>
    withLink(async ({ startLink }) => {
      const before = process.env[name];
      process.env[name] = 'http://127.0.0.1:9'; // the discard port: nobody listens
      try {
        await connected(startLink());
      } finally {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      }
    }));
}
