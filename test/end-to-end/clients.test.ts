/** Four ways in, one API: each client creates a tenant, watches it become ready and pushes config. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { grpcServiceDefinition } from '@opencrane/kit/grpc/service-definition.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import {
  ConfigService,
  UpdateConfigRequestSchema,
  type UpdateConfigResponse,
} from '@opencrane/proto/opencrane/v1/config_pb.ts';
import {
  CreateTenantRequestSchema,
  TenantService,
  WatchTenantsRequestSchema,
  type WatchTenantsResponse,
} from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { settled } from '../fixtures/tenants.ts';

let coordinator: CoordinatorProcess;
before(async () => {
  coordinator = await startCoordinator(await seededHome());
});
after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

test('curl with JSON', async () => {
  const call = async (method: string, body: object) =>
    JSON.parse(
      await run('curl', [
        '-sS',
        '--fail-with-body',
        ...headers('-H'),
        '-H',
        'Content-Type: application/json',
        '-d',
        JSON.stringify(body),
        url(method),
      ]),
    );
  await call('TenantService/CreateTenant', { name: 'curl' });
  // Streams are enveloped, so a shell polls; the other clients watch.
  let phase = '';
  while (phase !== 'PHASE_READY') phase = (await call('TenantService/GetTenant', { name: 'curl' })).tenant.status.phase;
  const set = [{ path: 'logging.level', value: 'debug' }];
  const { layer } = await call('ConfigService/UpdateConfig', { scope: { tenant: 'curl' }, set });
  await finish('curl', BigInt(layer.revision));
});

test('buf curl, which learns the API by reflection', async () => {
  const call = (method: string, body: object) => [
    'curl',
    '--http2-prior-knowledge',
    '--protocol',
    'grpc',
    '--reflect-header', // reflection wants the token too
    '*',
    ...headers('-H'),
    '-d',
    JSON.stringify(body),
    url(method),
  ];
  await run('buf', call('TenantService/CreateTenant', { name: 'buf' }));
  await run('buf', call('TenantService/WatchTenants', { name: 'buf' }), /PHASE_READY/);
  const set = [{ path: 'logging.level', value: 'debug' }];
  const { layer } = JSON.parse(await run('buf', call('ConfigService/UpdateConfig', { scope: { tenant: 'buf' }, set })));
  await finish('buf', BigInt(layer.revision));
});

test('a connect-node client over gRPC', async () => {
  const transport = createGrpcTransport({
    baseUrl: coordinator.adminUrl,
    interceptors: [
      (next) => (request) => {
        request.header.set('Authorization', `Bearer ${coordinator.token}`);
        return next(request);
      },
    ],
  });
  const tenants = createClient(TenantService, transport);
  await tenants.createTenant({ name: 'connect' });
  for await (const { tenant } of tenants.watchTenants({ name: 'connect' })) if (tenant && isReady(tenant)) break;
  const value = create(ValueSchema, { kind: { case: 'stringValue', value: 'debug' } });
  const { layer } = await createClient(ConfigService, transport).updateConfig({
    scope: { scope: { case: 'tenant', value: 'connect' } },
    set: [{ path: 'logging.level', value }],
  });
  await finish('connect', layer?.revision ?? 0n);
});

test('a bare grpc-js client', async () => {
  const { host } = new URL(coordinator.adminUrl);
  const client = new Client(host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${coordinator.token}`);
  const methods = { ...grpcServiceDefinition(TenantService), ...grpcServiceDefinition(ConfigService) };
  const method = (name: string) => methods[name] ?? assert.fail(`no method ${name}`);
  const call = (name: string, request: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method(name);
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  try {
    await call('CreateTenant', create(CreateTenantRequestSchema, { name: 'grpc' }));
    const { path, requestSerialize, responseDeserialize } = method('WatchTenants');
    const request = create(WatchTenantsRequestSchema, { name: 'grpc' });
    const watch = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    // The adapter deserialises to the method's output; grpc-js types it as unknown.
    for await (const { tenant } of watch as AsyncIterable<WatchTenantsResponse>) if (tenant && isReady(tenant)) break;
    const value = create(ValueSchema, { kind: { case: 'stringValue', value: 'debug' } });
    const update = create(UpdateConfigRequestSchema, {
      scope: { scope: { case: 'tenant', value: 'grpc' } },
      set: [{ path: 'logging.level', value }],
    });
    const { layer } = (await call('UpdateConfig', update)) as UpdateConfigResponse;
    await finish('grpc', layer?.revision ?? 0n);
  } finally {
    client.close();
  }
});

/** The push is applied by the tenant's OpenClaw; then the tenant goes, so that only one runs at a time. */
async function finish(name: string, revision: bigint): Promise<void> {
  const receipt = await settled(coordinator.clients, name, Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  await coordinator.clients.tenants.deleteTenant({ name });
}

const url = (method: string) => `${coordinator.adminUrl}/opencrane.v1.${method}`;
const headers = (flag: string) => [flag, `Authorization: Bearer ${coordinator.token}`];

/** Runs a program to its end, or until its output matches `enough`; fails with what it said when it fails. */
function run(program: string, args: readonly string[], enough?: RegExp): Promise<string> {
  // In a group of its own: what npm installs as `buf` is a script, and the program its child.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  let complaint = '';
  let sufficed = false;
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  child.stdout.on('data', (data) => {
    output += data;
    if (!enough?.test(output)) return;
    sufficed = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (sufficed || (code === 0 && enough === undefined)) resolve(output);
      else reject(new Error(`${program} ${args.at(-1)} ended with ${code}: ${complaint}${output}`));
    });
  });
}
