import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, type JsonValue } from '@bufbuild/protobuf';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import { Kind, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { served } from '../admin/admin-server.ts';
import { startAdminServer } from '../admin/testing.ts';
import { onEachDatabase } from '../store/testing.ts';
import { assemble } from '../tenants/testing.ts';
import { configService } from './config-service.ts';

const withToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', 'Bearer good');
  return next(request);
};

const organisation = { scope: { case: 'organisation', value: true } } as const;
const crew = { scope: { case: 'team', value: 'crew' } } as const;
const jente = { scope: { case: 'tenant', value: 'jente' } } as const;

onEachDatabase((database) => {
  async function start(t: TestContext) {
    const inside = await assemble(await database.store(t));
    await inside.addTenant('jente', 'crew');
    const { url } = await startAdminServer(t, [served(ConfigService, configService(inside))]);
    const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', interceptors: [withToken] });
    const client = createClient(ConfigService, transport);
    /** Sends JSON, as curl does. */
    const post = async (method: string, body: JsonValue) => {
      const answer = await fetch(`${url}/opencrane.v1.ConfigService/${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer good' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: await answer.json() };
    };
    return { ...inside, client, post };
  }

  test('layers, what they merge to, and who set what', async (t) => {
    const { client } = await start(t);
    await client.replaceConfig({
      scope: organisation,
      document: { model: 'm1', tools: { allow: ['a'], deny: ['b'] }, x: 1 },
    });
    await client.replaceConfig({ scope: crew, document: { tools: { allow: ['c', 'd'] }, x: null } });
    await client.updateConfig({ scope: jente, set: [{ path: 'models["my.provider"].url', value: value('http://x') }] });
    const { layer, merged, mergedRevision, origins } = await client.getConfig({ scope: jente });
    assert.deepEqual(merged, {
      model: 'm1',
      models: { 'my.provider': { url: 'http://x' } },
      tools: { allow: ['c', 'd'], deny: ['b'] },
    });
    assert.equal(mergedRevision, 3n);
    assert.deepEqual(origins, {
      model: 'organisation',
      'models["my.provider"].url': 'tenant/jente',
      'tools.allow': 'team/crew',
      'tools.deny': 'organisation',
    });
    assert.deepEqual(layer?.document, { models: { 'my.provider': { url: 'http://x' } } });
    const ofTeam = await client.getConfig({ scope: crew });
    assert.deepEqual(
      [ofTeam.merged, ofTeam.mergedRevision],
      [{ model: 'm1', tools: { allow: ['c', 'd'], deny: ['b'] } }, 2n],
    );
  });

  test('a layer that was never written is empty at revision 0', async (t) => {
    const { client } = await start(t);
    const { layer, merged, mergedRevision } = await client.getConfig({ scope: jente });
    assert.deepEqual([layer?.revision, layer?.document, merged, mergedRevision], [0n, {}, {}, 0n]);
  });

  test('what does not change the document makes no revision and no audit entry', async (t) => {
    const { client, audit } = await start(t);
    assert.equal((await client.replaceConfig({ scope: jente, document: {} })).changed, false);
    assert.equal((await client.updateConfig({ scope: jente, unset: ['nothing.there'] })).changed, false);
    const first = await client.replaceConfig({ scope: jente, document: { a: { b: 1, c: 2 } } });
    const same = await client.replaceConfig({ scope: jente, document: { a: { c: 2, b: 1 } } });
    assert.deepEqual([same.changed, same.layer?.revision], [false, first.layer?.revision]);
    assert.equal((await audit.list({ target: '', beforeId: 0, limit: 10 })).length, 1);
  });

  test('a change made on an old revision is refused and says where the layer is', async (t) => {
    const { client } = await start(t);
    const { layer } = await client.replaceConfig({ scope: jente, document: { a: 1 } });
    const expectedRevision = layer?.revision ?? 0n;
    await client.updateConfig({ scope: jente, set: [{ path: 'a', value: value(2) }], expectedRevision });
    const late = client.updateConfig({ scope: jente, set: [{ path: 'a', value: value(3) }], expectedRevision });
    const error = fromConnectError(await late.catch((cause) => cause));
    assert.deepEqual([error.code, error.reason], ['aborted', 'config_conflict']);
    assert.match(error.message, /not at revision 1: admin made it revision 2/);
    assert.deepEqual((await client.getConfig({ scope: jente })).layer?.document, { a: 2 });
  });

  test('of two who began with a layer that was never written, the second is told of the first', async (t) => {
    const { client, audit } = await start(t);
    const expectUnwritten = true;
    await client.replaceConfig({ scope: jente, document: { a: 1 }, expectUnwritten });
    const second = client.replaceConfig({ scope: jente, document: { b: 2 }, expectUnwritten });
    const error = fromConnectError(await second.catch((cause) => cause));
    assert.deepEqual([error.code, error.reason, error.field], ['aborted', 'config_conflict', 'expect_unwritten']);
    assert.match(error.message, /not at revision 0: admin made it revision 1/);
    const update = client.updateConfig({ scope: jente, set: [{ path: 'b', value: value(2) }], expectUnwritten });
    await assert.rejects(update, /not at revision 0/);
    await client.replaceConfig({ scope: jente, document: {} });
    const emptied = client.replaceConfig({ scope: jente, document: { b: 2 }, expectUnwritten });
    await assert.rejects(emptied, /not at revision 0: admin made it revision 2/, 'an emptied layer was written');
    assert.equal((await audit.list({ target: '', beforeId: 0, limit: 10 })).length, 2);
  });

  test('of changes at one moment on one revision exactly one is made', async (t) => {
    const { client } = await start(t);
    const { layer } = await client.replaceConfig({ scope: jente, document: { a: 0 } });
    const expectedRevision = layer?.revision ?? 0n;
    const all = await Promise.allSettled(
      [1, 2, 3, 4].map((n) =>
        client.updateConfig({ scope: jente, set: [{ path: 'a', value: value(n) }], expectedRevision }),
      ),
    );
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
    const both = await Promise.all(
      ['x', 'y', 'z'].map((path) => client.updateConfig({ scope: jente, set: [{ path, value: value(1) }] })),
    );
    assert.equal(new Set(both.map((answer) => answer.layer?.revision)).size, 3);
    const { layer: now } = await client.getConfig({ scope: jente });
    assert.deepEqual(Object.keys(now?.document ?? {}), ['a', 'x', 'y', 'z'], 'none of them took another one back');
  });

  test('null sent as JSON takes away what outer layers set', async (t) => {
    const { client, post } = await start(t);
    await client.replaceConfig({ scope: organisation, document: { a: { b: 1, c: 2 } } });
    const { status } = await post('UpdateConfig', { scope: { tenant: 'jente' }, set: [{ path: 'a.b', value: null }] });
    assert.equal(status, 200);
    assert.deepEqual((await client.getConfig({ scope: jente })).merged, { a: { c: 2 } });
    await post('UpdateConfig', { scope: { tenant: 'jente' }, unset: ['a.b'] });
    assert.deepEqual((await client.getConfig({ scope: jente })).merged, { a: { b: 1, c: 2 } });
  });

  test('a key is replaced by keys below it in one change', async (t) => {
    const { client } = await start(t);
    await client.replaceConfig({ scope: jente, document: { a: 1 } });
    const set = [{ path: 'a.b', value: value(2) }];
    await assert.rejects(client.updateConfig({ scope: jente, set }), /a of this layer is a number, not an object/);
    await client.updateConfig({ scope: jente, set, unset: ['a'] });
    assert.deepEqual((await client.getConfig({ scope: jente })).layer?.document, { a: { b: 2 } });
  });

  test('the history has every layer of the tenant and every answer of its agent', async (t) => {
    const { client, observer, addTenant } = await start(t);
    await addTenant('noor');
    await client.replaceConfig({ scope: organisation, document: { a: 1 }, reason: 'for all' });
    await client.replaceConfig({ scope: { scope: { case: 'tenant', value: 'noor' } }, document: { a: 2 } });
    await client.replaceConfig({ scope: jente, document: { a: 3 } });
    for (const [receiptId, state] of [
      ['r1', ReceiptState.APPLYING],
      ['r2', ReceiptState.FAILED],
    ] as const) {
      await observer.receipt('jente', create(ReceiptSchema, { receiptId, state, kind: Kind.CONFIG, revision: 3n }));
    }
    const { revisions, receipts } = await client.listConfigHistory({ scope: jente });
    assert.deepEqual(
      revisions.map(({ revision, reason, scope }) => [revision, reason, scope?.scope.case]),
      [
        [3n, '', 'tenant'],
        [1n, 'for all', 'organisation'],
      ],
    );
    assert.deepEqual(
      receipts.map(({ receiptId, state }) => [receiptId, state]),
      [
        ['r2', ReceiptState.FAILED],
        ['r1', ReceiptState.APPLYING],
      ],
    );
    assert.equal((await client.listConfigHistory({ scope: jente, limit: 1 })).revisions.length, 1);
    assert.deepEqual((await client.listConfigHistory({ scope: organisation })).receipts, []);
  });

  test('a secret is refused unless it may be kept in clear, and then no answer shows it', async (t) => {
    const { client, audit } = await start(t);
    const set = [{ path: 'models.providers.x.apiKey', value: value('sk-secret') }];
    const refused = fromConnectError(await client.updateConfig({ scope: jente, set }).catch((cause) => cause));
    assert.deepEqual([refused.reason, refused.field], ['secret_in_clear', 'models.providers.x.apiKey']);
    const replaced = client.replaceConfig({ scope: jente, document: { gateway: { password: 'sk-secret' } } });
    await assert.rejects(replaced, /gateway\.password is a secret/);
    const answers = [
      await client.updateConfig({ scope: jente, set, plainSecrets: true }),
      await client.getConfig({ scope: jente }),
      await client.listConfigHistory({ scope: jente }),
      await client
        .updateConfig({ scope: jente, set: [{ path: 'models.providers.x.apiKey.a', value: value(1) }] })
        .catch(fromConnectError),
      await audit.list({ target: '', beforeId: 0, limit: 10 }),
    ];
    for (const answer of answers) {
      const text = JSON.stringify(answer, (_key, each) => (typeof each === 'bigint' ? String(each) : each));
      assert.doesNotMatch(text + String(answer), /sk-secret/);
    }
  });

  test('a layer is edited by somebody who sees no secret of it, and keeps them', async (t) => {
    const { client, revisions } = await start(t);
    const secret = { gateway: { password: 'sk-secret' }, a: 1 };
    await client.replaceConfig({ scope: jente, document: secret, plainSecrets: true });
    const { layer } = await client.getConfig({ scope: jente });
    await client.replaceConfig({ scope: jente, document: { ...layer?.document, a: 2 } });
    const stored = await revisions.latest({ kind: 'tenant', name: 'jente' }, 'config');
    assert.deepEqual(stored?.payload, { ...secret, a: 2 });
  });

  test('a number that lost its digits on the way is refused', async (t) => {
    const { client, post } = await start(t);
    const { status, body } = await post('ReplaceConfig', {
      scope: { tenant: 'jente' },
      document: JSON.parse('{"id":1234567890123456789}'),
    });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(JSON.stringify(body), /number_not_kept/);
    assert.deepEqual((await client.getConfig({ scope: jente })).merged, {});
  });

  test('the audit log names the keys and never their values', async (t) => {
    const { client, audit } = await start(t);
    await client.updateConfig({
      scope: jente,
      set: [{ path: 'models.key', value: value('sk-secret') }],
      unset: ['b'],
      reason: 'rotated',
    });
    const [entry] = await audit.list({ target: 'tenant/jente', beforeId: 0, limit: 1 });
    assert.equal(entry?.summary, 'set models.key; unset b (rotated)');
    assert.equal(entry?.revision, 1);
  });
});

function value(of: string | number) {
  return {
    kind:
      typeof of === 'string'
        ? { case: 'stringValue' as const, value: of }
        : { case: 'numberValue' as const, value: of },
  };
}
