import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { grpcServiceDefinition } from '@opencrane/kit/grpc/service-definition.ts';
import { fromConnectError, fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@opencrane/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '@opencrane/proto/grpc/reflection/v1/reflection_pb.ts';
import { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import {
  ConfigService,
  UpdateConfigRequestSchema,
  UpdateConfigResponseSchema,
} from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { auditService } from '../audit/audit-service.ts';
import { configService } from '../config/config-service.ts';
import { SecretMask } from '../config/secret-mask.ts';
import { EventLog } from '../events/event-log.ts';
import { eventService } from '../events/event-service.ts';
import { ReceiptStore } from '../receipts/receipt-store.ts';
import { RevisionStore } from '../revisions/revision-store.ts';
import { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { TenantStore } from '../tenants/tenant-store.ts';
import { served } from './admin-server.ts';
import { startAdminServer } from './testing.ts';

const clock = new ManualClock();

async function start(t: TestContext) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const events = new EventLog(store, clock);
  const audit = new AuditLog(store, clock);
  const parts = {
    store,
    audit,
    revisions: new RevisionStore(store, clock),
    receipts: new ReceiptStore(store, clock),
    tenants: new TenantStore(store),
  };
  const services = [
    served(
      ConfigService,
      configService({ ...parts, check: { check: async () => [] }, secrets: new SecretMask('a key') }),
    ),
    served(AuditService, auditService(audit)),
    served(EventService, eventService(events)),
  ];
  return { ...(await startAdminServer(t, services)), store, events };
}

const withToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', 'Bearer good');
  return next(request);
};

function post(url: string, method: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/opencrane.v1.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer good', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const setModel = {
  scope: { organisation: true },
  set: [{ path: 'agents.defaults.model', value: 'm1' }],
  reason: 'try',
};

test('JSON over plain HTTP/1.1, as curl sends it', async (t) => {
  const { url } = await start(t);
  const answer = await post(url, 'ConfigService/UpdateConfig', setModel);
  assert.equal(answer.status, 200);
  const { layer, changed } = (await answer.json()) as { layer: Record<string, unknown>; changed: boolean };
  assert.equal(changed, true);
  assert.deepEqual(layer['document'], { agents: { defaults: { model: 'm1' } } });
  assert.equal(layer['actor'], 'admin');
  const audit = await (await post(url, 'AuditService/ListAudit', {})).json();
  assert.deepEqual(audit, {
    entries: [
      {
        id: '1',
        actor: 'admin',
        action: 'config.update',
        target: 'organisation',
        summary: 'set agents.defaults.model (try)',
        revision: '1',
      },
    ],
  });
});

const transports = [
  { name: 'Connect over h2c', make: createConnectTransport, httpVersion: '2' },
  { name: 'Connect over HTTP/1.1', make: createConnectTransport, httpVersion: '1.1' },
  { name: 'gRPC over h2c', make: createGrpcTransport, httpVersion: '2' },
  { name: 'gRPC-Web over HTTP/1.1', make: createGrpcWebTransport, httpVersion: '1.1' },
] as const;

for (const { name, make, httpVersion } of transports) {
  test(`${name}: a call, an error with its details, a stream`, async (t) => {
    const { url, store, events } = await start(t);
    const transport = make({ baseUrl: url, httpVersion, interceptors: [withToken] });
    const config = createClient(ConfigService, transport);
    const scope = { scope: { case: 'organisation', value: true } } as const;
    const { layer } = await config.replaceConfig({ scope, document: { a: [1, null, { b: 'ü' }] } });
    assert.deepEqual(layer?.document, { a: [1, null, { b: 'ü' }] });

    const conflict = config.updateConfig({ scope, unset: ['a'], expectedRevision: 7n });
    const error = await conflict.catch(fromConnectError);
    assert.ok(error instanceof Error && 'reason' in error);
    assert.deepEqual(
      { code: error.code, reason: error.reason, field: error.field, mend: error.mend !== '' },
      { code: 'aborted', reason: 'config_conflict', field: 'expected_revision', mend: true },
    );

    const cancel = new AbortController();
    const watch = createClient(EventService, transport).watchEvents({ follow: true }, { signal: cancel.signal });
    const reader = watch[Symbol.asyncIterator]();
    assert.equal((await reader.next()).value?.event, undefined, 'the first message only says that the watch has begun');
    await store.transaction((change) => events.record(change, { tenant: 'jente', reason: 'R', message: 'hello' }));
    assert.equal((await reader.next()).value?.event?.message, 'hello');
    cancel.abort();
    await assert.rejects(reader.next(), { code: Code.Canceled });
    await awaitFact('nobody follows', () => events.followers === 0, { everyMillis: 0 });
  });
}

test('a bare gRPC client: a call, an error with its details', async (t) => {
  const { url } = await start(t);
  const client = new Client(url.replace('http://', ''), credentials.createInsecure());
  t.after(() => client.close());
  const method = grpcServiceDefinition(ConfigService)['UpdateConfig'];
  assert.ok(method);
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer good');
  const call = (request: object) =>
    new Promise<unknown>((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        (error, response) => (error ? reject(error) : resolve(response)),
      );
    });
  const scope = { scope: { case: 'organisation', value: true } } as const;
  const response = await call(create(UpdateConfigRequestSchema, { scope, unset: ['nothing'] }));
  assert.deepEqual((response as { changed: boolean }).changed, false);
  assert.equal((response as { $typeName: string }).$typeName, UpdateConfigResponseSchema.typeName);
  const failure = await call(create(UpdateConfigRequestSchema, { scope, unset: ['a..b'] })).catch((cause) => cause);
  const error = fromGrpcError(failure);
  assert.equal(error.code, 'invalid_argument');
  assert.match(error.message, /"a\.\.b" is not a path/);
});

const noEntry: { reason: string; headers: Record<string, string> }[] = [
  { reason: 'no token', headers: { authorization: '' } },
  { reason: 'a wrong token', headers: { authorization: 'Bearer bad' } },
];

for (const { reason, headers } of noEntry) {
  test(`${reason}: nothing is answered, whatever is asked`, async (t) => {
    const { url, store } = await start(t);
    for (const method of ['ConfigService/UpdateConfig', 'AuditService/ListAudit']) {
      const answer = await post(url, method, setModel, headers);
      assert.equal(answer.status, 401);
      const { code, message } = (await answer.json()) as { code: string; message: string };
      assert.equal(code, 'unauthenticated');
      assert.match(message, /not the one of this coordinator/);
    }
    assert.equal((await fetch(`${url}/metrics`, { headers })).status, 401);
    const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
    await assert.rejects(health.check({}), { code: Code.Unauthenticated });
    const reflection = createClient(ServerReflection, createGrpcTransport({ baseUrl: url }));
    const listing = reflection.serverReflectionInfo(requests({ messageRequest: { case: 'listServices', value: '' } }));
    await assert.rejects(Array.fromAsync(listing), { code: Code.Unauthenticated });
    assert.deepEqual(await store.db.selectFrom('revisions').selectAll().execute(), []);
  });
}

const scope = { organisation: true };
const badRequests: { reason: string; method: string; body: unknown; status: number; message: RegExp }[] = [
  { reason: 'no JSON', method: 'ConfigService/GetConfig', body: '{"sco', status: 400, message: /JSON/ },
  {
    reason: 'a field that does not exist',
    method: 'ConfigService/GetConfig',
    body: { scoop: 1 },
    status: 400,
    message: /scoop/,
  },
  {
    reason: 'a field that is required',
    method: 'ConfigService/GetConfig',
    body: {},
    status: 400,
    message: /scope: value is required/,
  },
  {
    reason: 'a name that is no DNS label',
    method: 'ConfigService/GetConfig',
    body: { scope: { team: '../etc' } },
    status: 400,
    message: /scope\.team/,
  },
  {
    reason: 'a tenant that does not exist',
    method: 'ConfigService/GetConfig',
    body: { scope: { tenant: 'nobody' } },
    status: 404,
    message: /no tenant "nobody"/,
  },
  {
    reason: 'an empty edit',
    method: 'ConfigService/UpdateConfig',
    body: { scope },
    status: 400,
    message: /changes nothing/,
  },
  {
    reason: 'a list index',
    method: 'ConfigService/UpdateConfig',
    body: { scope, unset: ['a[0]'] },
    status: 400,
    message: /"a\[0\]" is not a path/,
  },
  {
    reason: 'a prototype',
    method: 'ConfigService/ReplaceConfig',
    body: '{"scope":{"organisation":true},"document":{"a":{"__proto__":{"x":1}}}}',
    status: 400,
    message: /__proto__/,
  },
  {
    reason: 'a layer of 2 MiB',
    method: 'ConfigService/ReplaceConfig',
    body: { scope, document: { a: 'x'.repeat(2 ** 21) } },
    status: 429,
    message: /at most 1048576/,
  },
  {
    reason: 'a request of 10 MB',
    method: 'ConfigService/ReplaceConfig',
    body: { scope, document: { a: 'x'.repeat(1e7) } },
    status: 429,
    message: /at most 4194304 bytes are read/,
  },
];

for (const { reason, method, body, status, message } of badRequests) {
  test(`refused in words: ${reason}`, async (t) => {
    const { url, store, logged } = await start(t);
    const answer = await post(url, method, body);
    const error = (await answer.json()) as { message: string };
    assert.equal(answer.status, status, error.message);
    assert.match(error.message, message);
    assert.deepEqual(await store.db.selectFrom('revisions').selectAll().execute(), []);
    assert.deepEqual(await store.db.selectFrom('audit').selectAll().execute(), []);
    assert.deepEqual(logged, [], "a caller's mistake is no problem of ours");
  });
}

test('a broken rule names the field and how to mend it', async (t) => {
  const { url } = await start(t);
  const config = createClient(
    ConfigService,
    createConnectTransport({ baseUrl: url, httpVersion: '2', interceptors: [withToken] }),
  );
  const thrown = await config
    .getConfig({ scope: { scope: { case: 'tenant', value: 'Not_A_Label' } } })
    .catch((cause) => cause);
  const error = fromConnectError(thrown);
  assert.deepEqual([error.reason, error.field], ['request_invalid', 'scope.tenant']);
  assert.match(error.mend, /lower-case letters/);
});

test('what nobody foresaw is answered with an id only; the log has the rest', async (t) => {
  const { url, store, logged } = await start(t);
  await store.close();
  const answer = await post(url, 'AuditService/ListAudit', {});
  assert.equal(answer.status, 500);
  const text = await answer.text();
  assert.match(text, /it is in the log as id-1/);
  assert.doesNotMatch(text, /driver|database|kysely/i);
  assert.match(logged.join(''), /driver has already been destroyed/);
  assert.match(logged.join(''), /"id":"id-1"/);
});

test('health of the server and of each service', async (t) => {
  const { url } = await start(t);
  const health = createClient(Health, createGrpcTransport({ baseUrl: url, interceptors: [withToken] }));
  assert.equal((await health.check({})).status, Status.SERVING);
  assert.equal((await health.check({ service: 'opencrane.v1.ConfigService' })).status, Status.SERVING);
  await assert.rejects(health.check({ service: 'nothing' }), { code: Code.NotFound });
  assert.ok((await health.list({})).statuses['opencrane.v1.EventService']);
});

test('reflection lists the services and describes them whole', async (t) => {
  const { url } = await start(t);
  const transport = createGrpcTransport({ baseUrl: url, interceptors: [withToken] });
  const reflection = createClient(ServerReflection, transport);
  const answers = await Array.fromAsync(
    reflection.serverReflectionInfo(
      requests(
        { messageRequest: { case: 'listServices', value: '' } },
        { messageRequest: { case: 'fileContainingSymbol', value: 'opencrane.v1.ConfigService.GetConfig' } },
        { messageRequest: { case: 'fileByFilename', value: 'buf/validate/validate.proto' } },
        { messageRequest: { case: 'fileContainingSymbol', value: 'no.Such' } },
        { messageRequest: { case: 'allExtensionNumbersOfType', value: 'google.protobuf.FieldOptions' } },
      ),
    ),
  );
  const [list, file, byName, missing, extensions] = answers.map(({ messageResponse }) => messageResponse);
  assert.ok(list?.case === 'listServicesResponse');
  assert.ok(list.value.service.some(({ name }) => name === 'opencrane.v1.ConfigService'));
  assert.ok(file?.case === 'fileDescriptorResponse');
  const names = file.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  assert.equal(names[0], 'opencrane/v1/config.proto');
  assert.ok(names.includes('google/protobuf/struct.proto') && names.includes('opencrane/v1/common.proto'));
  assert.equal(byName?.case, 'fileDescriptorResponse');
  assert.ok(missing?.case === 'errorResponse' && missing.value.errorCode === Code.NotFound);
  assert.ok(extensions?.case === 'allExtensionNumbersResponse' && extensions.value.extensionNumber.includes(1159));
});

test('metrics, and a path that is nothing', async (t) => {
  const { url } = await start(t);
  const headers = { authorization: 'Bearer good' };
  const metrics = await fetch(`${url}/metrics`, { headers });
  assert.equal(metrics.status, 200);
  assert.match(await metrics.text(), /opencrane_admin_connections\{program="test"\} \d/);
  assert.equal((await fetch(`${url}/etc/passwd`, { headers })).status, 404);
});

test('stopping: streams end with the reason, connections are closed, the port is free again', async (t) => {
  const { server, url, events } = await start(t);
  const watchers = transports.map(({ make, httpVersion }) => {
    const transport = make({ baseUrl: url, httpVersion, interceptors: [withToken] });
    return createClient(EventService, transport).watchEvents({ follow: true })[Symbol.asyncIterator]();
  });
  for (const watcher of watchers) await watcher.next();
  assert.equal(events.followers, watchers.length);
  const ends = watchers.map((watcher) => watcher.next().catch((cause) => ConnectError.from(cause)));
  await server.stop?.(new AbortController().signal);
  for (const end of await Promise.all(ends)) {
    assert.ok(end instanceof ConnectError);
    assert.equal(end.code, Code.Unavailable);
    assert.match(end.rawMessage, /the coordinator stops/);
  }
  await awaitFact('nobody follows', () => events.followers === 0, { everyMillis: 0 });
  await assert.rejects(post(url, 'AuditService/ListAudit', {}), /fetch failed/);
});

test('a connection that says nothing does not keep the server from stopping', async (t) => {
  const { server, url } = await start(t);
  const socket = connectSocket(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PRI'); // could become either version
  const session = connectHttp2(url);
  await once(session, 'connect');
  const ended = Promise.all([once(socket, 'close'), once(session, 'close')]);
  await server.stop?.(AbortSignal.abort());
  socket.resume();
  await ended;
});

test('garbage on the port harms nobody', async (t) => {
  const { url } = await start(t);
  for (const garbage of [
    '\x16\x03\x01\x02\x00\x01',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff',
    'HELO\r\n\r\n',
  ]) {
    const socket = connectSocket(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {}); // reset is one way of refusing it
    socket.end(Buffer.from(garbage, 'latin1'));
    socket.resume();
    await once(socket, 'close');
  }
  assert.equal((await post(url, 'AuditService/ListAudit', {})).status, 200);
});

async function* requests<T>(...all: T[]): AsyncGenerator<T> {
  yield* all;
}
