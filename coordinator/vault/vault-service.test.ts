import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { type VaultResult, VaultResultSchema, VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { served } from '../admin/admin-server.ts';
import { startAdminServer } from '../admin/testing.ts';
import { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { assemble } from '../tenants/testing.ts';
import type { ExportOrder, VaultAgents, VaultOrder } from './ports.ts';
import { vaultService } from './vault-service.ts';

type Result = NonNullable<MessageInitShape<typeof VaultResultSchema>['result']>;

const snapshot = { sequence: 41n, takenAtMillis: 1_000n, reason: 'change' };
const newest = { choice: { case: 'newest', value: true } } as const;

const results: Readonly<Record<VaultOrder['case'], Result>> = {
  list: { case: 'list', value: { snapshots: [snapshot], more: true } },
  take: { case: 'taken', value: { snapshot, unchanged: true } },
  restore: { case: 'restored', value: { snapshot, folder: '/data/state', files: 3n, downtimeMillis: 900n } },
  verify: { case: 'verified', value: { snapshots: 1n, damaged: [{ name: 'vault/packs/1' }] } },
  prune: { case: 'pruned', value: { snapshots: 2n } },
  compare: { case: 'difference', value: { entries: [{ path: 'a', change: 'added' }] } },
  export: { case: 'exported', value: { snapshot, files: 1n, bytes: 5n } },
};

/** Agents that answer what a test says. */
class FakeAgents implements VaultAgents {
  readonly asked: VaultOrder[] = [];
  signals: AbortSignal[] = [];
  answer: (order: VaultOrder) => Promise<VaultResult> = async (order) =>
    create(VaultResultSchema, { result: results[order.case] });

  vault(_tenant: string, order: VaultOrder, signal?: AbortSignal): Promise<VaultResult> {
    this.asked.push(order);
    if (signal) this.signals.push(signal);
    return this.answer(order);
  }

  async *exportFiles(_tenant: string, files: ExportOrder): AsyncGenerator<Uint8Array, VaultResult> {
    this.asked.push({ case: 'export', value: files });
    yield new Uint8Array([1, 2]);
    yield new Uint8Array([3, 4, 5]);
    return this.answer({ case: 'export', value: files });
  }
}

const withToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', 'Bearer good');
  return next(request);
};

async function start(t: TestContext) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assemble(store);
  const agents = new FakeAgents();
  const service = vaultService({ ...inside, agents, log: silent });
  const { url } = await startAdminServer(t, [served(VaultService, service)]);
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', interceptors: [withToken] });
  await inside.addTenant('jente');
  return {
    ...inside,
    url,
    agents,
    client: createClient(VaultService, transport),
    /** The audit log, oldest first. */
    audited: async () =>
      (await inside.audit.list({ target: '', beforeId: 0, limit: 100 }))
        .toReversed()
        .map(({ actor, action, target, summary }) => `${actor} ${action} ${target}: ${summary}`),
    told: async () =>
      (
        await Array.fromAsync(
          inside.events.follow({ tenant: 'jente', afterId: 0, follow: false }, new AbortController().signal),
        )
      )
        .flatMap((one) => ('kept' in one ? [one.kept] : []))
        .map(({ reason, message }) => `${reason}: ${message}`),
  };
}

type World = Awaited<ReturnType<typeof start>>;

/** Each call, what it orders of the agent, what it answers, and what of it is in the audit log. */
const calls: readonly {
  readonly verb: VaultOrder['case'];
  readonly call: (client: World['client'], tenant: string) => Promise<unknown>;
  readonly audited: readonly string[];
}[] = [
  { verb: 'list', call: async (client, tenant) => (await client.listSnapshots({ tenant })).list, audited: [] },
  {
    verb: 'take',
    call: async (client, tenant) => (await client.takeSnapshot({ tenant })).taken,
    audited: ['admin vault.snapshot tenant/jente: snapshot asked for'],
  },
  {
    verb: 'restore',
    call: async (client, tenant) => (await client.restoreVault({ tenant, restore: { snapshot: newest } })).restored,
    audited: ['admin vault.restore tenant/jente: restore of the newest snapshot asked for, in the place of the state'],
  },
  { verb: 'verify', call: async (client, tenant) => (await client.verifyVault({ tenant })).verified, audited: [] },
  {
    verb: 'prune',
    call: async (client, tenant) => (await client.pruneVault({ tenant })).pruned,
    audited: ['admin vault.prune tenant/jente: removal of what the retention no longer keeps asked for'],
  },
  {
    verb: 'compare',
    call: async (client, tenant) =>
      (await client.diffSnapshots({ tenant, compare: { from: newest, to: newest } })).difference,
    audited: [],
  },
  {
    verb: 'export',
    call: async (client, tenant) => {
      const parts = await Array.fromAsync(client.exportSnapshot({ tenant, export: { snapshot: newest } }));
      assert.deepEqual(
        parts.map(({ part }) => part.case),
        [undefined, 'data', 'data', 'exported'],
      );
      assert.deepEqual(
        parts.flatMap(({ part }) => (part.case === 'data' ? [...part.value] : [])),
        [1, 2, 3, 4, 5],
      );
      return parts.at(-1)?.part.value;
    },
    audited: ['admin vault.export tenant/jente: export of the newest snapshot asked for'],
  },
];

for (const { verb, call, audited } of calls) {
  test(`${verb}: ordered of the agent, answered, and audited ${audited.length} times`, async (t) => {
    const world = await start(t);
    const answered = await call(world.client, 'jente');
    assert.deepEqual(answered, create(VaultResultSchema, { result: results[verb] }).result.value);
    assert.deepEqual(
      world.agents.asked.map((order) => order.case),
      [verb],
    );
    assert.deepEqual(await world.audited(), audited);
  });

  test(`${verb}: a tenant that does not exist is said so, and nothing is recorded`, async (t) => {
    const world = await start(t);
    const error = fromConnectError(await call(world.client, 'nobody').catch((cause) => cause));
    assert.deepEqual([error.code, error.reason], ['not_found', 'tenant_not_found']);
    assert.deepEqual([world.agents.asked, await world.audited()], [[], []]);
  });

  test(`${verb}: without its agent the way without it is named`, async (t) => {
    const world = await start(t);
    world.agents.answer = () =>
      Promise.reject(new OpenCraneError('unavailable', 'agent_not_connected', 'the agent is away', { mend: 'look' }));
    const error = fromConnectError(await call(world.client, 'jente').catch((cause) => cause));
    assert.deepEqual([error.code, error.reason], ['unavailable', 'agent_not_connected']);
    assert.match(error.mend, /^look; or read the bucket without it: "opencrane vault \w+ --bucket ADDRESS --key-file/);
  });

  test(`${verb}: what the agent says is what the caller gets`, async (t) => {
    const world = await start(t);
    const said = { field: 'vault/keys/', mend: 'use the other key' };
    world.agents.answer = () => Promise.reject(new OpenCraneError('permission_denied', 'wrong_key', 'no slot', said));
    const { code, reason, field, mend } = fromConnectError(await call(world.client, 'jente').catch((cause) => cause));
    assert.deepEqual({ code, reason, field, mend }, { code: 'permission_denied', reason: 'wrong_key', ...said });
  });

  test(`${verb}: an answer to another question is no answer`, async (t) => {
    const world = await start(t);
    const other = results[verb === 'list' ? 'take' : 'list'];
    world.agents.answer = async () => create(VaultResultSchema, { result: other });
    const error = fromConnectError(await call(world.client, 'jente').catch((cause) => cause));
    assert.equal(error.code, 'internal');
  });
}

test('a prune that only tells changes nothing, and is not audited', async (t) => {
  const { client, agents, audited } = await start(t);
  await client.pruneVault({ tenant: 'jente', prune: { dryRun: true } });
  assert.deepEqual(await audited(), []);
  assert.equal(agents.asked[0]?.case === 'prune' && agents.asked[0].value.dryRun, true);
});

const restores = [
  {
    reason: 'by its number',
    restore: { snapshot: { choice: { case: 'sequence', value: 12n } } },
    says: 'restore of snapshot 12 asked for, in the place of the state',
  },
  {
    reason: 'as of a time, in part, into a folder',
    restore: { snapshot: { choice: { case: 'atMillis', value: 86_400_000n } }, path: 'agents/main', into: '/tmp/x' },
    says: 'restore of agents/main of the snapshot as of 1970-01-02T00:00:00.000Z asked for, into /tmp/x',
  },
  {
    reason: 'as of a number that is no time: the agent has the last word',
    restore: { snapshot: { choice: { case: 'atMillis', value: 9_000_000_000_000_000_000n } } },
    says: 'restore of the snapshot as of 9000000000000000000 ms asked for, in the place of the state',
  },
] as const;

for (const { reason, restore, says } of restores) {
  test(`a restore ${reason} is recorded in words`, async (t) => {
    const { client, audited, told } = await start(t);
    await client.restoreVault({ tenant: 'jente', restore });
    assert.deepEqual(await audited(), [`admin vault.restore tenant/jente: ${says}`]);
    assert.deepEqual(await told(), [
      `VaultRestoring: ${says}, by admin`,
      'VaultRestored: snapshot 41 is back in /data/state; OpenClaw was not ready for 900 ms',
    ]);
  });
}

test('a restore that failed is an event with the reason', async (t) => {
  const { client, agents, told } = await start(t);
  agents.answer = () => Promise.reject(new OpenCraneError('data_loss', 'object_missing', 'vault/packs/1 is missing'));
  await assert.rejects(client.restoreVault({ tenant: 'jente', restore: { snapshot: newest } }), {
    code: Code.DataLoss,
  });
  assert.equal((await told()).at(-1), 'VaultRestoreFailed: vault/packs/1 is missing');
});

test('a restore whose caller has gone goes on, and its end is told all the same', async (t) => {
  const { client, agents, told } = await start(t);
  const restoring = Promise.withResolvers<VaultResult>();
  agents.answer = () => restoring.promise;
  const gone = new AbortController();
  const asked = client.restoreVault({ tenant: 'jente', restore: { snapshot: newest } }, { signal: gone.signal });
  await awaitFact('the agent was asked', () => agents.asked.length > 0, { everyMillis: 0 });
  gone.abort();
  await assert.rejects(asked, { code: Code.Canceled });
  restoring.resolve(create(VaultResultSchema, { result: results.restore }));
  const events = await awaitFact(
    'two events',
    async () => {
      const all = await told();
      return all.length >= 2 && all;
    },
    { everyMillis: 0 },
  );
  assert.match(events[1] ?? '', /^VaultRestored: /);
});

test('a restore of a tenant that is deleted meanwhile leaves nothing behind', async (t) => {
  const { client, agents, told, store, events, tenants, directory } = await start(t);
  agents.answer = async () => {
    await store.transaction(async (change) => {
      await events.removeTenant(change, 'jente');
      await tenants.remove(change, 'jente');
    });
    directory.remove('jente');
    return create(VaultResultSchema, { result: results.restore });
  };
  await client.restoreVault({ tenant: 'jente', restore: { snapshot: newest } });
  assert.deepEqual(await told(), []);
});

test('a caller that goes away is told to the agent’s order', async (t) => {
  const { client, agents } = await start(t);
  agents.answer = () => new Promise(() => {});
  const gone = new AbortController();
  const asked = client.verifyVault({ tenant: 'jente' }, { signal: gone.signal });
  await awaitFact('the agent has the order', () => agents.signals.length > 0, { everyMillis: 0 });
  gone.abort();
  await assert.rejects(asked, { code: Code.Canceled });
  await awaitFact('the order is cut off', () => agents.signals[0]?.aborted, { everyMillis: 0 });
});

const invalid: readonly { readonly reason: string; readonly call: (client: World['client']) => Promise<unknown> }[] = [
  { reason: 'a name that is none', call: (client) => client.takeSnapshot({ tenant: '../jente' }) },
  { reason: 'a restore of nothing', call: (client) => client.restoreVault({ tenant: 'jente' }) },
  { reason: 'a restore of no snapshot', call: (client) => client.restoreVault({ tenant: 'jente', restore: {} }) },
  {
    reason: 'a snapshot before the first',
    call: (client) =>
      client.restoreVault({
        tenant: 'jente',
        restore: { snapshot: { choice: { case: 'sequence', value: 0n } } },
      }),
  },
  {
    reason: 'a page that is too long',
    call: (client) => client.listSnapshots({ tenant: 'jente', list: { limit: 1001 } }),
  },
  { reason: 'an export of nothing', call: (client) => Array.fromAsync(client.exportSnapshot({ tenant: 'jente' })) },
  {
    reason: 'half a comparison',
    call: (client) => client.diffSnapshots({ tenant: 'jente', compare: { from: newest } }),
  },
];

for (const { reason, call } of invalid) {
  test(`${reason} is refused before anything is done`, async (t) => {
    const { client, agents, audited } = await start(t);
    await assert.rejects(call(client), { code: Code.InvalidArgument });
    assert.deepEqual([agents.asked, await audited()], [[], []]);
  });
}

test('without a token nobody gets at a vault', async (t) => {
  const { url, agents } = await start(t);
  const client = createClient(VaultService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
  await assert.rejects(client.listSnapshots({ tenant: 'jente' }), { code: Code.Unauthenticated });
  await assert.rejects(Array.fromAsync(client.exportSnapshot({ tenant: 'jente', export: { snapshot: newest } })), {
    code: Code.Unauthenticated,
  });
  assert.deepEqual(agents.asked, []);
});
