import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { WatchTenantsResponseSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { ScopeInit } from '../scope.ts';
import { fakeClients, runCli } from '../testing.ts';
import { awaitReceipts } from './await-receipts.ts';

type Change = MessageInitShape<typeof WatchTenantsResponseSchema>;

const { APPLIED, APPLYING, FAILED } = ReceiptState;
const organisation: ScopeInit = { scope: { case: 'organisation', value: true } };
const research: ScopeInit = { scope: { case: 'team', value: 'research' } };

/** A tenant whose newest receipt is this one; `wanted` is what its scopes ask of it. */
function tenant(name: string, revision: bigint, state: ReceiptState, { wanted = 8n, team = '' } = {}): Change {
  const receipt = {
    kind: Kind.CONFIG,
    revision,
    state,
    effect: 'hot',
    message: 'too big',
    path: 'a.b',
    servingRevision: 7n,
  };
  return { tenant: { name, team, status: { kinds: [{ kind: Kind.CONFIG, desiredRevision: wanted, receipt }] } } };
}

const last = (change: Change): Change => ({ ...change, snapshotComplete: true });
const done: Change = { snapshotComplete: true };

/** Watches that send these changes and then stay open, as the coordinator's do. */
function services(changes: readonly Change[]) {
  const closed = Promise.withResolvers<void>();
  return {
    closed: closed.promise,
    tenants: {
      async *watchTenants(_: unknown, { signal }: { signal: AbortSignal }) {
        signal.addEventListener('abort', () => closed.resolve());
        yield* changes;
        await closed.promise;
      },
    },
  };
}

const cases = [
  {
    reason: 'a receipt of an older revision is no answer, one that says APPLYING neither',
    scope: organisation,
    changes: [tenant('a', 7n, APPLIED), done, tenant('a', 8n, APPLYING), tenant('a', 8n, APPLIED)],
    outcomes: { a: 'applied' },
  },
  {
    reason: 'a newer revision has this one in it',
    scope: organisation,
    changes: [last(tenant('a', 9n, APPLIED, { wanted: 9n }))],
    outcomes: { a: 'applied' },
  },
  {
    reason: 'nothing is decided before the whole snapshot is there',
    scope: organisation,
    changes: [tenant('a', 8n, APPLIED), last(tenant('b', 8n, FAILED))],
    outcomes: { a: 'applied', b: 'refused' },
  },
  {
    reason: 'one that answered does not end the waiting for another',
    scope: organisation,
    changes: [tenant('a', 8n, FAILED), last(tenant('b', 7n, APPLIED)), tenant('b', 8n, APPLIED)],
    outcomes: { a: 'refused', b: 'applied' },
  },
  {
    reason: 'tenants of other teams are not waited for',
    scope: research,
    changes: [tenant('a', 8n, APPLIED, { team: 'research' }), last(tenant('b', 3n, APPLIED, { team: 'sales' }))],
    outcomes: { a: 'applied' },
  },
  {
    reason: 'a tenant whose nearer scope wishes otherwise is not concerned',
    scope: organisation,
    changes: [tenant('a', 8n, APPLIED), last(tenant('b', 5n, APPLIED, { wanted: 5n }))],
    outcomes: { a: 'applied' },
  },
  {
    reason: 'a tenant that is deleted meanwhile is not waited for',
    scope: organisation,
    changes: [last(tenant('a', 7n, APPLIED)), { tenant: { name: 'a' }, deleted: true }],
    outcomes: {},
  },
  {
    reason: 'an organisation without tenants has no one to wait for',
    scope: organisation,
    changes: [done],
    outcomes: {},
  },
];

for (const { reason, scope, changes, outcomes } of cases) {
  test(reason, async () => {
    const fake = services(changes);
    const clock = new ManualClock();
    const awaited = { scope, kind: Kind.CONFIG, revision: 8n, timeoutMillis: 1000 };
    const got = await awaitReceipts(fakeClients(fake), awaited, clock, new AbortController().signal);
    assert.deepEqual(Object.fromEntries(got.map(({ tenant: { name }, outcome }) => [name, outcome.state])), outcomes);
    assert.equal(clock.sleeping, 0, 'the timeout is not left behind');
    await fake.closed; // a watch that was left open would never end this test
  });
}

test('when the time is over, what has no answer is waiting', async () => {
  const clock = new ManualClock();
  const fake = services([tenant('a', 8n, APPLIED), last(tenant('b', 7n, APPLIED))]);
  const heard: string[] = [];
  const seenBoth = Promise.withResolvers<void>();
  const awaited = {
    scope: organisation,
    kind: Kind.CONFIG,
    revision: 8n,
    timeoutMillis: 1000,
    heard({ name }: { name: string }) {
      heard.push(name);
      if (heard.length === 2) seenBoth.resolve();
    },
  };
  const outcomes = awaitReceipts(fakeClients(fake), awaited, clock, new AbortController().signal);
  await seenBoth.promise;
  clock.advance(1000);
  assert.deepEqual(
    (await outcomes).map(({ outcome }) => outcome.state),
    ['applied', 'waiting'],
  );
});

test('an interrupt ends the waiting with an error', async () => {
  const interrupt = new AbortController();
  const awaited = {
    scope: organisation,
    kind: Kind.CONFIG,
    revision: 8n,
    timeoutMillis: 1000,
    heard: () => interrupt.abort(),
  };
  const fake = services([last(tenant('a', 7n, APPLIED))]);
  await assert.rejects(awaitReceipts(fakeClients(fake), awaited, new ManualClock(), interrupt.signal));
});

/** `config set` against these changes. */
function set(changes: readonly Change[], ...words: string[]) {
  const config = { updateConfig: () => ({ layer: { revision: 8n }, changed: true }) };
  return runCli(['config', 'set', 'a.b', '1', '--org', ...words], { ...services(changes), config });
}

test('config set: in effect is exit code 0, and says how', async () => {
  const { exitCode, out } = await set([last(tenant('jente', 8n, APPLIED))]);
  assert.equal(exitCode, 0);
  assert.equal(out, 'revision 8 of organisation\n✔ jente applied (hot)\n');
});

test("config set: refused by one is exit code 1, with OpenClaw's words, the path, and what serves", async () => {
  const { exitCode, out } = await set([tenant('ok', 8n, APPLIED), last(tenant('jente', 8n, FAILED))]);
  assert.equal(exitCode, 1);
  assert.match(out, /✔ ok applied \(hot\)\n✘ jente refused: a\.b: too big; revision 7 serves on\n$/);
});

test('config set --json: one document with the layer and every answer', async () => {
  const { exitCode, out } = await set([last(tenant('jente', 8n, FAILED))], '--json');
  assert.equal(exitCode, 1);
  const { changed, layer, answers } = JSON.parse(out);
  assert.deepEqual([changed, layer.revision, answers[0].tenant, answers[0].state], [true, '8', 'jente', 'refused']);
  assert.equal(answers[0].receipt.message, 'too big');
});

test('config set --no-wait: asks no agent', async () => {
  const { exitCode, out } = await set([], '--no-wait');
  assert.deepEqual([exitCode, out], [0, 'revision 8 of organisation\n']);
});
