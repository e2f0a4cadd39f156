/** The agent plane as a whole: time, storms, shutdown, and what comes over a bare socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { AgentService, GoodbyeReason, ReadBlobRequestSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { blobDigest, configOffer, startPlane, type TestPlane } from './fakes.ts';
import { RawAgent } from './raw-agent.ts';

const quick = { everyMillis: 5 };

/** Runs with a plane of its own; afterwards nothing that listens, connects or waits is left. */
async function withPlane(options: Parameters<typeof startPlane>[0], work: (world: TestPlane) => Promise<void>) {
  const before = handles();
  const world = await startPlane(options);
  world.desired.set('jente', configOffer(1n, '{}'));
  try {
    await work(world);
  } finally {
    await stopped(world, options?.clock instanceof ManualClock ? options.clock : undefined);
  }
  assert.equal(world.plane.openStreams, 0);
  await awaitFact('no socket, server or timer is left', () => handles().length <= before.length, quick);
}

async function stopped(world: TestPlane, clock: ManualClock | undefined): Promise<void> {
  let over = false;
  const stopping = world.stop().finally(() => {
    over = true;
  });
  await awaitFact(
    'the plane stops',
    () => {
      clock?.advance(1_000);
      return over;
    },
    quick,
  );
  await stopping;
}

function handles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind));
}

/** Lets so much time pass, a sweep at a time. */
async function pass(clock: ManualClock, millis: number): Promise<void> {
  for (let passed = 0; passed < millis; passed += 1_000) {
    await awaitFact('the sweeper waits', () => clock.sleeping > 0, { everyMillis: 1 });
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
}

async function offersSent({ registry }: TestPlane): Promise<number> {
  const text = await registry.getSingleMetricAsString('opencrane_agent_offers_sent_total');
  return Number(/\} (\d+)$/m.exec(text)?.[1]);
}

async function welcomed(world: TestPlane, tenant = 'jente'): Promise<RawAgent> {
  const agent = new RawAgent(world.address, { tenant });
  agent.hello();
  await agent.hear('welcome');
  return agent;
}

test('who says no hello is sent away after ten seconds', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock }, async (world) => {
    const agent = new RawAgent(world.address);
    await awaitFact('the stream is open', () => world.plane.openStreams === 1, quick);
    await pass(clock, 10_000);
    assert.equal(agent.status, undefined);
    await pass(clock, 1_000);
    assert.equal(await agent.ended(), 'hello_late');
    agent.close();
  });
});

test('who falls silent is sent away, who gives signs of life is not', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock }, async (world) => {
    world.desired.set('alive');
    const [silent, alive] = [await welcomed(world), await welcomed(world, 'alive')];
    for (let passed = 0; passed < 60_000; passed += 15_000) {
      const beats = alive.all('welcome').length;
      alive.say({ case: 'heartbeat', value: {} });
      await alive.hear('welcome', beats + 1);
      await pass(clock, 15_000);
    }
    assert.equal((await silent.hear('goodbye')).value.reason, GoodbyeReason.SILENT);
    assert.equal(await silent.ended(), 'ok');
    assert.equal(alive.status, undefined);
    silent.close();
    alive.close();
  });
});

test('a connection on which no request comes as far as its handler is cut after ten seconds, whatever is half sent', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock }, async (world) => {
    const { hostname: host, port } = new URL(`http://${world.address}`);
    const [mute, http2] = [connectTcp(Number(port), host), connectHttp2(`http://${world.address}`)];
    const half = connectHttp2(`http://${world.address}`);
    const closed = new Set<string>();
    half.once('close', () => closed.add('half'));
    half.on('error', () => {});
    mute.once('close', () => closed.add('mute'));
    http2.once('close', () => closed.add('http2'));
    http2.on('error', () => {});
    mute.on('error', () => {}).resume();
    await Promise.all([once(http2, 'remoteSettings'), once(half, 'remoteSettings')]);
    // Of 300 requests the headers come and the message does not.
    for (let count = 0; count < 300; count += 1) {
      const { path } = grpcMethod(AgentService.method.readBlob);
      const headers = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' };
      half
        .request(headers)
        .on('error', () => {})
        .resume();
    }
    const alive = await welcomed(world);
    await pass(clock, 9_000);
    assert.deepEqual([...closed], []);
    await pass(clock, 5_000);
    await awaitFact('all are cut', () => closed.size === 3, quick);
    assert.equal(alive.status, undefined);
    alive.close();
  });
});

test('a stream is renewed at its maximum age, give or take a tenth', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock, limits: { maxAgeMillis: 20_000 } }, async (world) => {
    const agent = await welcomed(world);
    await pass(clock, 17_000);
    assert.deepEqual(agent.all('goodbye'), []);
    await pass(clock, 6_000);
    assert.equal((await agent.hear('goodbye')).value.reason, GoodbyeReason.MAX_AGE);
    agent.close();
  });
});

test('a stream is not renewed while somebody waits for what its agent was told to do', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock, limits: { maxAgeMillis: 20_000 } }, async (world) => {
    const agent = await welcomed(world);
    const verified = world.plane.vault('jente', { case: 'verify', value: {} });
    const { value } = await agent.hear('command');
    for (let passed = 0; passed < 60_000; passed += 15_000) {
      const beats = agent.all('welcome').length;
      agent.say({ case: 'heartbeat', value: {} });
      await agent.hear('welcome', beats + 1);
      await pass(clock, 15_000);
    }
    assert.deepEqual(agent.all('goodbye'), []);
    const vault = { result: { case: 'verified', value: { snapshots: 9n } } } as const;
    agent.say({ case: 'commandResult', value: { commandId: value.commandId, vault } });
    assert.equal((await verified).result.case, 'verified');
    await pass(clock, 1_000);
    assert.equal((await agent.hear('goodbye')).value.reason, GoodbyeReason.MAX_AGE);
    agent.close();
  });
});

test('a reader that is stuck in its goodbye is cut off', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock }, async (world) => {
    const agent = await welcomed(world);
    await agent.hear('offer');
    agent.call.pause();
    // The client reads ahead until it holds enough; what is offered then stays on its way, as large as it is.
    const { readableHighWaterMark: enough } = agent.call;
    for (let revision = 2n, held = 0; held <= enough; held += 1, revision += 1n) {
      world.desired.set('jente', configOffer(revision, `{"a":"${'x'.repeat(200_000)}${revision}"}`));
      await awaitFact(
        `offer ${revision} is on its way`,
        async () => (await offersSent(world)) >= Number(revision),
        quick,
      );
      if (held < enough) await awaitFact(`offer ${revision} is held`, () => agent.call.readableLength > held, quick);
    }
    await pass(clock, 45_000); // silent
    assert.equal(world.plane.openStreams, 1, 'its goodbye waits behind what it does not read');
    await pass(clock, 8_000);
    await awaitFact('the connection is cut', () => world.plane.openStreams === 0, quick);
    assert.ok(world.observer.log.includes('disconnected jente: silent'));
    agent.close();
  });
});

test('at shutdown agents are sent away in batches, each with its own time to come back', () =>
  withPlane({ limits: { drain: { batch: 4, pauseMillis: 20, graceMillis: 5_000 } } }, async (world) => {
    const tenants = Array.from({ length: 10 }, (_, index) => `tenant-${index}`);
    for (const tenant of tenants) world.desired.set(tenant);
    const agents = await Promise.all(tenants.map((tenant) => welcomed(world, tenant)));
    await world.stop();
    const goodbyes = await Promise.all(agents.map((agent) => agent.hear('goodbye')));
    for (const { value } of goodbyes) assert.equal(value.reason, GoodbyeReason.SHUTDOWN);
    const hints = new Set(goodbyes.map(({ value }) => value.reconnectAfterMillis));
    assert.ok(hints.size > 5, 'the hints are spread');
    assert.equal(world.observer.log.filter((line) => line.includes('shutdown')).length, 10);
    for (const agent of agents) agent.close();
  }));

test('in a storm of connects those beyond the limit get a time to come again', () =>
  withPlane({ limits: { admission: { perSecond: 1, burst: 3 } } }, async (world) => {
    const agents = Array.from({ length: 8 }, () => new RawAgent(world.address));
    const refused = await awaitFact('five are refused', () => {
      const ended = agents.filter((agent) => agent.status !== undefined);
      return ended.length === 5 && ended;
    });
    for (const agent of refused) {
      assert.equal(await agent.ended(), 'too_many_connects');
      const { value } = await agent.hear('goodbye');
      assert.equal(value.reason, GoodbyeReason.OVERLOADED);
      assert.ok(value.reconnectAfterMillis >= 500n);
    }
    for (const agent of agents) agent.close();
  }));

test('a reader that takes no more of a blob loses its place to the next', () => {
  const clock = new ManualClock(Date.now());
  return withPlane({ clock, limits: { blobReaders: 1 } }, async (world) => {
    const stuck = readBlob(world.address);
    await awaitFact('it has been answered', () => stuck.answered(), quick);
    const next = readBlob(world.address);
    next.stream.resume();
    await pass(clock, 59_000);
    assert.equal(next.answered(), false, 'there is one place, and it is taken');
    await pass(clock, 2_000);
    await awaitFact('the next has its blob', () => next.stream.readableEnded, quick);
    for (const reader of [stuck, next]) reader.session.destroy();
  });
});

/** Asks for a blob and reads nothing of it: node:http2 gives no window for what nobody reads. */
function readBlob(address: string) {
  const { path, requestSerialize } = grpcMethod(AgentService.method.readBlob);
  const request = requestSerialize(create(ReadBlobRequestSchema, { digest: blobDigest }));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(request.length, 1);
  const session = connectHttp2(`http://${address}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer token-of-jente',
  });
  let answered = false;
  stream.once('response', () => {
    answered = true;
  });
  for (const emitter of [session, stream]) emitter.on('error', () => {});
  stream.end(Buffer.concat([header, request]));
  return { session, stream, answered: () => answered };
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const nonsense: readonly { readonly reason: string; readonly bytes: Buffer }[] = [
  { reason: 'a request in HTTP/1.1', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n') },
  { reason: 'noise', bytes: Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 256)) },
  {
    reason: 'a frame longer than any may be',
    bytes: Buffer.concat([Buffer.from(preface), settings, Buffer.from([0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1])]),
  },
  {
    reason: 'data on a stream that was never opened',
    bytes: Buffer.concat([Buffer.from(preface), settings, Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 9, 1])]),
  },
  {
    reason: 'headers that do not decompress',
    bytes: Buffer.concat([Buffer.from(preface), settings, Buffer.from([0, 0, 2, 1, 4, 0, 0, 0, 1, 0xff, 0xff])]),
  },
];

for (const { reason, bytes } of nonsense) {
  test(`over a bare socket: ${reason} ends that connection and nothing else`, () =>
    withPlane({}, async (world) => {
      const agent = await welcomed(world);
      const socket = await bareSocket(world.address);
      socket.write(bytes);
      await awaitFact('the coordinator closes the connection', () => socket.closed, quick);
      agent.say({ case: 'heartbeat', value: {} });
      await agent.hear('welcome', 2);
      agent.close();
    }));
}

async function bareSocket(address: string): Promise<Socket> {
  const [host = '', port] = address.split(':');
  const socket = connectTcp(Number(port), host);
  socket.on('error', () => {});
  socket.on('data', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}
