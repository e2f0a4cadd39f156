import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { digestOf } from '@opencrane/kit/digest.ts';
import { HelloSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { viewOf } from './offers-due.ts';
import { isRenewal, Renewals } from './renewals.ts';

const capabilities = [Kind.CONFIG, Kind.RUNTIME];
const config = { kind: Kind.CONFIG, servingRevision: 3n, servingDigest: 'c3' };
const runtime = { kind: Kind.RUNTIME, servingRevision: 2n, servingDigest: 'r2' };

function hello(more: MessageInitShape<typeof HelloSchema> = {}) {
  return create(HelloSchema, {
    tenant: 'jente',
    instanceId: 'process-1',
    capabilities,
    kinds: [config, runtime],
    ...more,
  });
}

const { kinds } = hello();
const left = {
  sessionId: 's1',
  instanceId: 'process-1',
  view: viewOf(capabilities, kinds),
  reconnectAfterMillis: 2_000,
};

const hellos: readonly { reason: string; says: MessageInitShape<typeof HelloSchema>; renewed: boolean }[] = [
  { reason: 'the same process that serves the same', says: {}, renewed: true },
  {
    reason: 'in another order',
    says: { capabilities: capabilities.toReversed(), kinds: [runtime, config] },
    renewed: true,
  },
  { reason: 'another process: it was restarted', says: { instanceId: 'process-2' }, renewed: false },
  { reason: 'another document', says: { kinds: [{ ...config, servingDigest: 'c4' }, runtime] }, renewed: false },
  { reason: 'another revision', says: { kinds: [config, { ...runtime, servingRevision: 3n }] }, renewed: false },
  { reason: 'something no longer serves', says: { kinds: [config] }, renewed: false },
  { reason: 'it can apply less', says: { capabilities: [Kind.CONFIG] }, renewed: false },
];
for (const { reason, says, renewed } of hellos) {
  test(`${renewed ? 'a renewal' : 'no renewal'}: ${reason}`, () => assert.equal(isRenewal(left, hello(says)), renewed));
}

test('what was refused, and offered, before the stream ended makes no difference', () => {
  const [first, ...rest] = left.view;
  assert.ok(first);
  const failed = { digest: 'c9', nonce: 'n' };
  const sent = { revision: 9n, digest: digestOf('c9'), nonce: 'n' };
  assert.equal(isRenewal({ ...left, view: [{ ...first, seen: 9n, failed, sent }, ...rest] }, hello()), true);
});

function start() {
  let now = 0;
  const told: string[] = [];
  const renewals = new Renewals({
    helloMillis: 10_000,
    monotonic: () => now,
    disconnected: async (tenant, sessionId, why) => void told.push(`${tenant} ${sessionId}: ${why}`),
  });
  const pass = (millis: number) => {
    now += millis;
    renewals.sweep(now);
  };
  return { renewals, told, pass };
}

test('who comes back in time was never away', async () => {
  const { renewals, told, pass } = start();
  renewals.begin('jente', left);
  pass(12_000);
  assert.equal(await renewals.hello('jente', hello()), true);
  renewals.end('jente');
  pass(60_000);
  await renewals.stop();
  assert.deepEqual(told, []);
  assert.equal(await renewals.hello('jente', hello()), false, 'the next time it was not asked to');
});

test('who does not come back in time is told as gone, once, and a wait for it is over', async () => {
  const { renewals, told, pass } = start();
  renewals.begin('jente', left);
  const settled = renewals.settled('jente');
  pass(12_001);
  await settled;
  pass(60_000);
  await renewals.stop();
  assert.deepEqual(told, ['jente s1: not back in time']);
});

test('another process in its place: the one before is told as gone first', async () => {
  const { renewals, told, pass } = start();
  renewals.begin('jente', left);
  assert.equal(await renewals.hello('jente', hello({ instanceId: 'process-2' })), false);
  assert.deepEqual(told, ['jente s1: another one took its place']);
  pass(60_000);
  assert.equal(told.length, 1);
});

test('at the stop who has not come yet is told as gone', async () => {
  const { renewals, told } = start();
  renewals.begin('jente', left);
  await renewals.stop();
  assert.deepEqual(told, ['jente s1: shutdown']);
});

test('a wait ends with its signal, and is none where nothing is renewed', async () => {
  const { renewals } = start();
  await renewals.settled('jente');
  renewals.begin('jente', left);
  const stop = new AbortController();
  const waiting = renewals.settled('jente', stop.signal);
  stop.abort();
  await waiting;
});
