import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { Code, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { HealthSchema, HelloSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ComponentState, Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { LogSource, Phase, Retention, TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { served } from '../admin/admin-server.ts';
import { startAdminServer } from '../admin/testing.ts';
import { configService } from '../config/config-service.ts';
import { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { tenantService } from './tenant-service.ts';
import { assemble } from './testing.ts';

const withToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', 'Bearer good');
  return next(request);
};

async function start(t: TestContext) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assemble(store);
  const restarted: string[] = [];
  const commands = {
    async restart(tenant: string) {
      restarted.push(tenant);
      if (tenant === 'lonely') throw new OpenCraneError('unavailable', 'agent_disconnected', 'no agent is connected');
    },
  };
  const { url } = await startAdminServer(t, [
    served(TenantService, tenantService({ ...inside, commands })),
    served(ConfigService, configService(inside)),
  ]);
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', interceptors: [withToken] });
  return {
    ...inside,
    restarted,
    client: createClient(TenantService, transport),
    config: createClient(ConfigService, transport),
    actions: async () =>
      (await inside.audit.list({ target: '', beforeId: 0, limit: 100 })).map(
        ({ action, actor, target }) => `${actor} ${action} ${target}`,
      ),
  };
}

test('a tenant is created once, with its audit entry and event, and started', async (t) => {
  const { client, platform, actions, reasons } = await start(t);
  const { tenant } = await client.createTenant({ name: 'jente', displayName: 'Jente', team: 'crew' });
  assert.deepEqual(
    [
      tenant?.name,
      tenant?.displayName,
      tenant?.team,
      tenant?.retention,
      tenant?.createdAtMillis,
      tenant?.status?.phase,
    ],
    ['jente', 'Jente', 'crew', Retention.RETAIN, 1_000n, Phase.PENDING],
  );
  const again = fromConnectError(await client.createTenant({ name: 'jente' }).catch((cause) => cause));
  assert.deepEqual([again.code, again.reason, again.field], ['already_exists', 'tenant_exists', 'name']);
  assert.deepEqual(platform.asked, ['ensure jente']);
  assert.deepEqual(await actions(), ['admin tenant.create tenant/jente'], 'a change that failed is not in it');
  assert.deepEqual(await reasons('jente'), ['TenantCreated']);
});

for (const name of ['', 'Jente', '-a', 'a-', 'a.b', '../etc', 'a'.repeat(64), 'a b', 'é']) {
  test(`"${name}" is no name of a tenant`, async (t) => {
    const { client, directory } = await start(t);
    await assert.rejects(client.createTenant({ name }), { code: Code.InvalidArgument });
    assert.deepEqual(directory.names(), []);
  });
}

test('tenants are listed by name, in pages, by team', async (t) => {
  const { client } = await start(t);
  for (const name of ['c', 'a', 'd', 'b']) await client.createTenant({ name, team: name === 'd' ? '' : 'crew' });
  const names = async (request: { pageSize?: number; pageToken?: string; team?: string }) => {
    const { tenants, nextPageToken } = await client.listTenants(request);
    return [...tenants.map(({ name }) => name), nextPageToken];
  };
  assert.deepEqual(await names({ pageSize: 2 }), ['a', 'b', 'b']);
  assert.deepEqual(await names({ pageSize: 2, pageToken: 'b' }), ['c', 'd', '']);
  assert.deepEqual(await names({ team: 'crew' }), ['a', 'b', 'c', '']);
});

test('a tenant shows what is wanted beside what was observed', async (t) => {
  const { client, config, observer } = await start(t);
  await client.createTenant({ name: 'jente' });
  const scope = { scope: { case: 'tenant', value: 'jente' } } as const;
  const { layer } = await config.replaceConfig({ scope, document: { a: 1 } });
  await observer.connected('jente', create(HelloSchema, {}), 's1');
  const gatewayUrl = 'http://127.0.0.1:18789';
  await observer.health(
    'jente',
    create(HealthSchema, {
      root: { name: 'agent', state: ComponentState.HEALTHY },
      gatewayUrl,
      gatewayPid: 7n,
      openclawVersion: '2026.9.6',
    }),
  );
  const status = (await client.getTenant({ name: 'jente' })).tenant?.status;
  assert.deepEqual(
    [
      status?.phase,
      status?.connected,
      status?.gatewayUrl,
      status?.gatewayPid,
      status?.openclawVersion,
      status?.lastSeenMillis,
    ],
    [Phase.READY, true, gatewayUrl, 7n, '2026.9.6', 1_000n],
  );
  const [wanted] = status?.kinds ?? [];
  assert.deepEqual(
    [wanted?.kind, wanted?.desiredRevision, wanted?.desiredDigest],
    [Kind.CONFIG, layer?.revision, layer?.digest],
  );
});

test('a watch sends every tenant, then each change, then that one is gone', async (t) => {
  const { client, config, observer, directory, platform } = await start(t);
  for (const name of ['jente', 'noor']) await client.createTenant({ name });
  const cancel = new AbortController();
  const reader = client.watchTenants({}, { signal: cancel.signal })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await reader.next();
    return value;
  };
  const [first, second] = [await next(), await next()];
  assert.deepEqual([first?.tenant?.name, first?.snapshotComplete], ['jente', false]);
  assert.deepEqual([second?.tenant?.name, second?.snapshotComplete], ['noor', true]);
  await observer.connected('noor', create(HelloSchema, {}), 's1');
  assert.equal((await next())?.tenant?.status?.connected, true);
  await config.replaceConfig({ scope: { scope: { case: 'tenant', value: 'jente' } }, document: { a: 1 } });
  assert.equal((await next())?.tenant?.status?.kinds.length, 1, 'what is wanted is part of what is watched');
  const hold = Promise.withResolvers<void>();
  platform.holdRemove = hold.promise;
  const deleted = client.deleteTenant({ name: 'jente' });
  assert.equal((await next())?.tenant?.status?.phase, Phase.DELETING);
  hold.resolve();
  await deleted;
  const last = await next();
  assert.deepEqual([last?.tenant?.name, last?.deleted], ['jente', true]);
  cancel.abort();
  await assert.rejects(reader.next(), { code: Code.Canceled });
  await awaitFact('nobody watches', () => directory.watchers === 0, { everyMillis: 0 });
});

test('watching nothing yet says at once that this is all; watching nobody is an error', async (t) => {
  const { client } = await start(t);
  const cancel = new AbortController();
  const reader = client.watchTenants({}, { signal: cancel.signal })[Symbol.asyncIterator]();
  const { value } = await reader.next();
  assert.deepEqual([value?.tenant, value?.snapshotComplete], [undefined, true]);
  cancel.abort();
  const nobody = client.watchTenants({ name: 'nobody' })[Symbol.asyncIterator]();
  await assert.rejects(nobody.next(), { code: Code.NotFound });
});

test('a delete honours retention, is audited once, and frees the name when it is over', async (t) => {
  const { client, config, platform, actions } = await start(t);
  await client.createTenant({ name: 'jente', retention: Retention.DELETE });
  await client.createTenant({ name: 'noor' });
  const hold = Promise.withResolvers<void>();
  platform.holdRemove = hold.promise;
  const deletes = [client.deleteTenant({ name: 'jente' }), client.deleteTenant({ name: 'jente' })];
  await awaitFact('the removal was asked for', () => platform.asked.includes('remove jente delete'), {
    everyMillis: 0,
  });
  assert.equal((await client.getTenant({ name: 'jente' })).tenant?.status?.phase, Phase.DELETING);
  await assert.rejects(client.createTenant({ name: 'jente' }), { code: Code.AlreadyExists });
  const scope = { scope: { case: 'tenant', value: 'jente' } } as const;
  await assert.rejects(config.replaceConfig({ scope, document: {} }), { code: Code.FailedPrecondition });
  hold.resolve();
  for (const answer of await Promise.all(deletes)) assert.equal(answer.retainedAt, '');
  const { retainedAt, retainedBucket, retainedKey } = await client.deleteTenant({ name: 'noor' });
  assert.deepEqual([retainedAt, retainedBucket, retainedKey], ['retained/noor', 'gs://noor', 'retained/noor/key']);
  await assert.rejects(client.deleteTenant({ name: 'noor' }), { code: Code.NotFound });
  await client.createTenant({ name: 'jente' });
  assert.deepEqual(
    (await actions()).filter((action) => action.includes('delete')),
    ['admin tenant.delete tenant/noor', 'admin tenant.delete tenant/jente'],
  );
});

test('over what another tenant left nothing is created: no record, no event, no program', async (t) => {
  const { client, platform, actions, events } = await start(t);
  platform.taken = new OpenCraneError('failed_precondition', 'vault_of_another_key', 'gs://acme-jente has a vault');
  await assert.rejects(client.createTenant({ name: 'jente' }), {
    code: Code.FailedPrecondition,
    message: /gs:\/\/acme-jente has a vault/,
  });
  assert.deepEqual([platform.asked, await actions()], [[], []]);
  const told = await Array.fromAsync(events.follow({ tenant: 'jente', afterId: 0, follow: false }, t.signal));
  assert.deepEqual(told, []);
  platform.taken = undefined;
  await client.createTenant({ name: 'jente' });
  platform.taken = new Error('not asked any more');
  await assert.rejects(client.createTenant({ name: 'jente' }), { code: Code.AlreadyExists });
});

test('a restart is audited and passed on; its failure reaches who asked', async (t) => {
  const { client, restarted, actions } = await start(t);
  for (const name of ['jente', 'lonely']) await client.createTenant({ name });
  await client.restartTenant({ name: 'jente' });
  await assert.rejects(client.restartTenant({ name: 'lonely' }), { code: Code.Unavailable });
  await assert.rejects(client.restartTenant({ name: 'nobody' }), { code: Code.NotFound });
  assert.deepEqual(restarted, ['jente', 'lonely']);
  assert.equal((await actions()).filter((action) => action.includes('tenant.restart')).length, 2);
});

test('logs and access come from the platform; access is audited without the token', async (t) => {
  const { client, audit } = await start(t);
  await client.createTenant({ name: 'jente' });
  const lines = async (source: LogSource, tail: number) =>
    (await Array.fromAsync(client.readTenantLogs({ name: 'jente', source, tail }))).flatMap((part) => part.lines);
  assert.deepEqual(await lines(LogSource.UNSPECIFIED, 0), ['jente openclaw 100']);
  assert.deepEqual(await lines(LogSource.LAUNCHER, 7), ['jente launcher 7']);
  await assert.rejects(Array.fromAsync(client.readTenantLogs({ name: 'nobody' })), { code: Code.NotFound });
  const access = await client.getTenantAccess({ name: 'jente' });
  assert.deepEqual([access.url, access.token, access.shellEnvironment], ['http://jente', 'secret', { PATH: '/bin' }]);
  const entries = await audit.list({ target: 'tenant/jente', beforeId: 0, limit: 10 });
  assert.equal(entries[0]?.action, 'tenant.access');
  assert.doesNotMatch(JSON.stringify(entries), /secret/);
});
