/** The agent plane against agents that say right and wrong things, over real connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ConnectRequestSchema, GoodbyeReason } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { configOffer, startPlane, type TestPlane } from './fakes.ts';
import { RawAgent, type RawAgentOptions } from './raw-agent.ts';

let world: TestPlane;

before(async () => {
  world = await startPlane();
});
after(() => world.stop());
beforeEach(() => {
  world.observer.log.length = 0;
  world.observer.receipts.length = 0;
  world.desired.set('jente', configOffer(1n, '{}'));
});

/** Runs with agents of its own, and checks afterwards that nothing of them is left in the coordinator. */
async function withAgents(work: (connect: (options?: RawAgentOptions) => RawAgent) => Promise<void>): Promise<void> {
  const agents: RawAgent[] = [];
  try {
    await work((options) => {
      const agent = new RawAgent(world.address, options);
      agents.push(agent);
      return agent;
    });
  } finally {
    for (const agent of agents) agent.close();
  }
  await awaitFact('no stream is left', () => world.plane.openStreams === 0, { everyMillis: 5 });
  assert.match(await world.registry.getSingleMetricAsString('opencrane_agents_connected'), /connected\{.*\} 0$/m);
  const came = world.observer.log.filter((line) => line.startsWith('connected')).length;
  await awaitFact('whoever came has left', () => {
    const left = world.observer.log.filter((line) => line.startsWith('disconnected')).length;
    return left === came;
  });
}

async function welcomed(agent: RawAgent, more: Parameters<RawAgent['hello']>[0] = {}): Promise<RawAgent> {
  agent.hello(more);
  await agent.hear('welcome');
  return agent;
}

const heartbeat = { case: 'heartbeat', value: {} } as const;

const badBeginnings: readonly {
  readonly reason: string;
  readonly options?: RawAgentOptions;
  readonly act: (agent: RawAgent) => void;
  readonly ends: string;
}[] = [
  { reason: 'without a token nobody gets in', options: { token: '' }, act: (a) => a.hello(), ends: 'token_missing' },
  { reason: 'a wrong token is refused', options: { token: 'forged' }, act: (a) => a.hello(), ends: 'token_invalid' },
  {
    reason: 'an expired token is refused',
    options: { token: 'expired' },
    act: (a) => a.hello(),
    ends: 'token_expired',
  },
  {
    reason: "one tenant's token does not open another tenant",
    options: { tenant: 'jente', token: 'token-of-mallory' },
    act: (a) => a.hello(),
    ends: 'tenant_mismatch',
  },
  { reason: 'the hello comes first', act: (a) => a.say(heartbeat), ends: 'hello_missing' },
  { reason: 'garbage is named as such', act: (a) => a.bytes(Buffer.from('GET / HTTP/1.1')), ends: 'message_garbled' },
  { reason: 'an empty message says nothing', act: (a) => a.bytes(Buffer.alloc(0)), ends: 'message_invalid' },
  { reason: 'a hello with a bad field is refused', act: (a) => a.hello({ instanceId: 'x' }), ends: 'message_invalid' },
  {
    reason: 'a name that is not a DNS label is refused',
    options: { tenant: '../jente', token: 'token-of-../jente' },
    act: (a) => a.hello(),
    ends: 'message_invalid',
  },
  {
    reason: 'another protocol is refused in words, not misread',
    act: (a) => a.hello({ protocolVersion: 2 }),
    ends: 'protocol_unsupported',
  },
  {
    reason: 'the sequence begins at one',
    act: (a) => a.say({ case: 'hello', value: hello }, 2n),
    ends: 'sequence_out_of_order',
  },
  {
    reason: 'a message of more than 1 MiB is refused before it is read',
    act: (a) => a.bytes(Buffer.alloc(1024 * 1024 + 1)),
    ends: 'resource_exhausted',
  },
];

const hello = { tenant: 'jente', instanceId: 'instance-1', agentVersion: '1', protocolVersion: 1 };

for (const { reason, options, act, ends } of badBeginnings) {
  test(reason, () =>
    withAgents(async (connect) => {
      const agent = connect(options);
      act(agent);
      assert.equal(await agent.ended(), ends);
      assert.deepEqual(world.observer.log, [], 'nothing of it reached the rest of the coordinator');
    }),
  );
}

test('a hello is welcomed first, then desired state follows', () =>
  withAgents(async (connect) => {
    const agent = connect();
    agent.hello();
    assert.equal((await agent.hear('welcome')).value.heartbeatIntervalMillis, 15_000n);
    assert.equal((await agent.hear('offer')).value.revision, 1n);
    assert.deepEqual(
      agent.heard.map((message) => message.case),
      ['welcome', 'offer'],
    );
  }));

test('what serves already, and what failed before, is not offered', () =>
  withAgents(async (connect) => {
    const offer = configOffer(4n, '{"a":1}');
    world.desired.set('jente', offer);
    const serves = { kind: Kind.CONFIG, servingRevision: 4n, servingDigest: offer.digest };
    const serving = await welcomed(connect(), { kinds: [serves] });
    serving.say(heartbeat);
    await serving.hear('welcome', 2); // the answer to the heartbeat: an offer would have come before
    assert.deepEqual(serving.all('offer'), []);

    const failed = { kind: Kind.CONFIG, failedDigest: offer.digest, failedNonce: offer.nonce };
    const refusing = await welcomed(connect(), { kinds: [failed] });
    refusing.say(heartbeat);
    await refusing.hear('welcome', 2);
    assert.deepEqual(refusing.all('offer'), []);
    world.desired.set('jente', configOffer(4n, '{"a":1}', 'try again'));
    assert.equal((await refusing.hear('offer')).value.nonce, 'try again');
  }));

test('a kind that the agent cannot apply is not offered', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect(), { capabilities: [Kind.RUNTIME] });
    agent.say(heartbeat);
    await agent.hear('welcome', 2);
    assert.deepEqual(agent.all('offer'), []);
  }));

test('a receipt is acknowledged only after it was stored', () =>
  withAgents(async (connect) => {
    const storing = Promise.withResolvers<void>();
    world.observer.beforeStoring = () => storing.promise;
    const agent = await welcomed(connect());
    const { value } = await agent.hear('offer');
    const receipt = { kind: Kind.CONFIG, digest: value.digest, revision: 1n, receiptId: 'r1' };
    agent.say({ case: 'receipt', value: { ...receipt, state: ReceiptState.APPLIED } });
    agent.say(heartbeat);
    world.desired.set('jente', configOffer(2n, '{"b":1}'));
    await agent.hear('offer', 2);
    assert.deepEqual(agent.all('receiptStored'), []);
    storing.resolve();
    assert.equal((await agent.hear('receiptStored')).value.receiptId, 'r1');
    assert.deepEqual(
      world.observer.receipts.map(({ receiptId }) => receiptId),
      ['r1'],
    );
  }).finally(() => {
    world.observer.beforeStoring = async () => {};
  }));

test('a receipt that could not be stored ends the stream, so that it is sent again', () =>
  withAgents(async (connect) => {
    world.observer.beforeStoring = () => Promise.reject(new Error('disk full'));
    const agent = await welcomed(connect());
    agent.say({ case: 'receipt', value: { kind: Kind.CONFIG, receiptId: 'r1' } });
    assert.equal(await agent.ended(), 'internal');
    assert.deepEqual(agent.all('receiptStored'), []);
  }).finally(() => {
    world.observer.beforeStoring = async () => {};
  }));

test('a gap is asked about once, and the full state counts from then on', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    await agent.hear('offer');
    agent.say(heartbeat, 5n);
    agent.say(heartbeat, 9n);
    await agent.hear('requestFullState');
    const health = { gatewayUrl: 'http://127.0.0.1:1' };
    agent.say({ case: 'fullState', value: { kinds: [], health } });
    await awaitFact('the health is observed', () => world.observer.log.includes('health jente'));
    agent.say(heartbeat);
    await agent.hear('welcome', 4);
    assert.equal(agent.all('requestFullState').length, 1);
    agent.say(heartbeat, 40n);
    await agent.hear('requestFullState', 2);
  }));

test('a sequence that goes back is refused', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    agent.say(heartbeat, 5n);
    agent.say(heartbeat, 5n);
    assert.equal(await agent.ended(), 'sequence_out_of_order');
  }));

test('a second hello is refused', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    agent.hello();
    assert.equal(await agent.ended(), 'hello_twice');
  }));

test('garbage in the middle of a stream ends it, and leaves others alone', () =>
  withAgents(async (connect) => {
    world.desired.set('other');
    const [agent, other] = [await welcomed(connect()), await welcomed(connect({ tenant: 'other' }))];
    agent.bytes(Buffer.from([0xff, 0xff, 0xff]));
    assert.equal(await agent.ended(), 'message_garbled');
    other.say(heartbeat);
    await other.hear('welcome', 2);
  }));

test('a newer stream of the same tenant takes over, and the observer hears it in order', () =>
  withAgents(async (connect) => {
    const older = await welcomed(connect());
    const newer = await welcomed(connect());
    assert.equal(await older.ended(), 'ok');
    assert.equal((await older.hear('goodbye')).value.reason, GoodbyeReason.REPLACED);
    newer.say(heartbeat);
    await newer.hear('welcome', 2);
    const lines = world.observer.log.filter((line) => !line.startsWith('heartbeat'));
    assert.deepEqual(lines, ['connected jente', 'disconnected jente: replaced', 'connected jente']);
  }));

test('a slow reader skips to the newest offer', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    await agent.hear('offer');
    agent.call.pause();
    const big = 'x'.repeat(200_000);
    for (let revision = 2n; revision <= 200n; revision += 1n) {
      world.desired.set('jente', configOffer(revision, `{"a":"${big}${revision}"}`));
      await new Promise(setImmediate);
    }
    agent.call.resume();
    const revisions = await awaitFact('the newest offer arrives', () => {
      const seen = agent.all('offer').map(({ value }) => value.revision);
      return seen.at(-1) === 200n && seen;
    });
    assert.ok(revisions.length < 60, `${revisions.length} of 200 offers were sent to a reader that stood still`);
    assert.deepEqual(
      revisions,
      [...revisions].sort((a, b) => Number(a - b)),
      'revisions never fall',
    );
  }));

test('a flood of large messages does not pile up in memory', () =>
  withAgents(async (connect) => {
    const storing = Promise.withResolvers<void>();
    world.observer.beforeStoring = () => storing.promise;
    const agent = await welcomed(connect());
    const message = 'x'.repeat(900_000);
    const value = { kind: Kind.CONFIG, receiptId: 'r', message };
    const bytes = toBinary(
      ConnectRequestSchema,
      create(ConnectRequestSchema, { sequence: 2n, message: { case: 'receipt', value } }),
    );
    let accepted = 0;
    for (let count = 0; count < 200; count += 1) agent.call.write(Buffer.from(bytes), () => (accepted += 1));
    await awaitFact('the coordinator reads no further', async () => {
      const seen = accepted;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return accepted === seen;
    });
    assert.ok(accepted < 60, `${accepted} MB were taken in while the first receipt was being stored`);
    storing.resolve();
    assert.equal(await agent.ended(), 'sequence_out_of_order'); // all carried the same number
  }).finally(() => {
    world.observer.beforeStoring = async () => {};
  }));

test('an agent of a deleted tenant is told so', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    await agent.hear('offer');
    world.desired.remove('jente');
    assert.equal((await agent.hear('goodbye')).value.reason, GoodbyeReason.TENANT_DELETED);
    assert.equal(await agent.ended(), 'tenant_not_found');
  }));

test('an agent that closes its side is let go', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    agent.call.end();
    assert.equal(await agent.ended(), 'ok');
    await awaitFact('it was told', () => world.observer.log.includes('disconnected jente: closed by the agent'));
  }));

test('a connection that breaks is lost: nobody has closed it', () =>
  withAgents(async () => {
    const wire = await startWire(Number(world.address.split(':')[1]));
    const agent = await welcomed(new RawAgent(wire.address));
    wire.cut();
    await agent.ended();
    await awaitFact('it was told', () => world.observer.log.includes('disconnected jente: connection lost'));
    agent.close();
    await wire.stop();
  }));

/** A way to the coordinator that can be cut. */
async function startWire(port: number) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connectTo({ port, host: '127.0.0.1' });
    for (const socket of [near, far]) sockets.push(socket.on('error', () => {}));
    near.pipe(far).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    address: `127.0.0.1:${address.port}`,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    stop: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

test('a command is carried out, fails in the words of the agent, or is lost with the connection', () =>
  withAgents(async (connect) => {
    await assert.rejects(world.plane.restart('jente'), { code: 'unavailable', reason: 'agent_not_connected' });
    const agent = await welcomed(connect());
    const done = world.plane.restart('jente');
    const first = await agent.hear('command');
    assert.equal(first.value.command.case, 'restart');
    agent.say({ case: 'commandResult', value: { commandId: 'of somebody else' } });
    agent.say({ case: 'commandResult', value: { commandId: first.value.commandId } });
    await done;

    const failing = world.plane.drain('jente');
    const second = await agent.hear('command', 2);
    assert.equal(second.value.command.case, 'drain');
    agent.say({ case: 'commandResult', value: { commandId: second.value.commandId, error: 'it hangs' } });
    await assert.rejects(failing, { code: 'failed_precondition', message: /it hangs/ });

    const lost = world.plane.restart('jente');
    await agent.hear('command', 3);
    agent.close();
    await assert.rejects(lost, { code: 'unavailable' });

    const impatient = new AbortController();
    const other = await welcomed(connect());
    const given = world.plane.restart('jente', impatient.signal);
    await other.hear('command');
    impatient.abort(new Error('the caller has gone'));
    await assert.rejects(given, /the caller has gone/);
  }));

const failures = [
  { reason: 'an agent of before, which knows no codes', code: '', becomes: 'failed_precondition' },
  { reason: 'a code of a later agent', code: 'out_of_range', becomes: 'failed_precondition' },
  { reason: 'a class that means the same here', code: 'data_loss', becomes: 'data_loss' },
  { reason: 'what the bucket refuses the agent', code: 'permission_denied', becomes: 'permission_denied' },
  { reason: 'a bucket that is away', code: 'unavailable', becomes: 'unavailable' },
  { reason: 'a defect there is none here, and its words are shown', code: 'internal', becomes: 'failed_precondition' },
  { reason: 'the caller need not sign in anew', code: 'unauthenticated', becomes: 'failed_precondition' },
  { reason: 'the caller did not cancel', code: 'cancelled', becomes: 'failed_precondition' },
] as const;

for (const { reason, code, becomes } of failures) {
  test(`a failed command keeps the agent's reason, field and mend; ${reason}: ${becomes}`, () =>
    withAgents(async (connect) => {
      const agent = await welcomed(connect());
      const failing = world.plane.vault('jente', { case: 'verify', value: {} });
      const { value } = await agent.hear('command');
      assert.equal(value.command.case === 'vault' && value.command.value.command.case, 'verify');
      const said = {
        error: 'pack 7 ends early',
        reason: 'object_short',
        field: 'vault/packs/7',
        mend: 'bring it back',
      };
      agent.say({ case: 'commandResult', value: { commandId: value.commandId, code, ...said } });
      await assert.rejects(failing, {
        code: becomes,
        reason: 'object_short',
        message: 'the agent of jente says: pack 7 ends early',
        field: 'vault/packs/7',
        mend: 'bring it back',
      });
    }));
}

test('an order to the vault resolves with what it gave; a result without anything is no answer', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    const taking = world.plane.vault('jente', { case: 'take', value: {} });
    const first = await agent.hear('command');
    const taken = { unchanged: true, snapshot: { sequence: 41n } };
    const vault = { result: { case: 'taken', value: taken } } as const;
    agent.say({ case: 'commandResult', value: { commandId: first.value.commandId, vault } });
    const { result } = await taking;
    assert.deepEqual(result.case === 'taken' && [result.value.unchanged, result.value.snapshot?.sequence], [true, 41n]);
    const pruning = world.plane.vault('jente', { case: 'prune', value: {} });
    const second = await agent.hear('command', 2);
    agent.say({ case: 'commandResult', value: { commandId: second.value.commandId } });
    await assert.rejects(pruning, { code: 'internal', reason: 'result_missing' });
  }));

test('a request for a version is decided once, also when it is asked again on another stream', () =>
  withAgents(async (connect) => {
    const deciding = Promise.withResolvers<void>();
    world.observer.answerRuntime = async (_tenant, version) => {
      await deciding.promise;
      return { accepted: false, version, message: 'pinned by ada', unchanged: false };
    };
    const request = { case: 'runtimeRequest', value: { requestId: 'q1', version: '2026.9.6' } } as const;
    const older = await welcomed(connect());
    older.say(request);
    older.say({ case: 'runtimeRequest', value: { requestId: 'q2', version: '' } });
    assert.equal((await older.hear('runtimeAnswer')).value.requestId, 'q2', 'one at a time; the second is refused');
    const newer = await welcomed(connect());
    newer.say(request);
    newer.say(heartbeat);
    await newer.hear('welcome', 2); // a build may take long: the stream goes on meanwhile
    deciding.resolve();
    const { value } = await newer.hear('runtimeAnswer');
    assert.deepEqual([value.requestId, value.accepted, value.message], ['q1', false, 'pinned by ada']);
    assert.equal(world.observer.log.filter((line) => line.startsWith('runtime request')).length, 1);
  }));

test('desired state that could not be read is read again', () =>
  withAgents(async (connect) => {
    world.desired.failing = true;
    const agent = await welcomed(connect());
    agent.say(heartbeat);
    await agent.hear('welcome', 2);
    world.desired.failing = false;
    await agent.hear('offer');
  }));

test('offers and receipts are counted', () =>
  withAgents(async (connect) => {
    const agent = await welcomed(connect());
    await agent.hear('offer');
    agent.say({ case: 'receipt', value: { kind: Kind.CONFIG, state: ReceiptState.FAILED, receiptId: 'r9' } });
    await agent.hear('receiptStored');
    const text = await world.registry.metrics();
    assert.match(text, /opencrane_agent_offers_sent_total\{kind="config".*\} \d+/);
    assert.match(text, /opencrane_agent_receipts_total\{kind="config",state="failed".*\} 1/);
    assert.match(text, /opencrane_agents_connected\{.*\} 1/);
  }));
