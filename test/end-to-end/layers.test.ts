/** Layers of configuration over a whole installation: a first start under a bad one, and an edit that a restart falls into. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const organisation = { scope: { case: 'organisation', value: true } } as const;
let coordinator: CoordinatorProcess;

before(async () => {
  coordinator = await startCoordinator(await seededHome());
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

const liveFile = () => readFileSync(join(coordinator.home, 'tenants/jente/state/openclaw.json'), 'utf8');

test('a layer that concerns no tenant yet is written, and the answer says that nobody judged it', async () => {
  const { layer, unchecked } = await coordinator.clients.config.replaceConfig({
    scope: organisation,
    document: { logging: { consoleLevel: 'nonsense' } },
  });
  assert.equal(layer?.revision, 1n);
  assert.match(unchecked.join(), /^not checked: it concerns no tenant yet/);
});

test('a new tenant under a bad layer is refused in words, and nothing is started', async () => {
  const { clients } = coordinator;
  const revision = await set(clients, organisation, { logging: { level: 'nonsense' } }, { skipCheck: true });
  await clients.tenants.createTenant({ name: 'jente' });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.FAILED);
  assert.equal(receipt.path, 'logging.level');
  assert.match(receipt.message, /allowed: "silent".*\(set by organisation, revision \d+\)$/s);
  assert.ok(receipt.message.endsWith(`revision ${revision})`), receipt.message);
  const tenant = await awaitTenant(clients, 'jente', 'refused', ({ status }) => /refused/.test(status?.message ?? ''));
  assert.match(tenant.status?.message ?? '', /logging\.level/);
  assert.equal(isReady(tenant), false);
  assert.deepEqual(gatewaysOf(coordinator.home), [], 'no OpenClaw runs without its managed configuration');
});

test('mended, it starts by itself, with what its admins want', async () => {
  const { clients } = coordinator;
  const { layer } = await clients.config.replaceConfig({
    scope: organisation,
    document: { logging: { level: 'debug' } },
  });
  await awaitTenant(clients, 'jente', 'ready', isReady);
  const receipt = await settled(clients, 'jente', Kind.CONFIG, layer?.revision ?? 0n);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.match(liveFile(), /"level": ?"debug"/);
});

test('an editor that was open while the coordinator restarted is saved, its secrets with it', async () => {
  const provider = { baseUrl: 'http://127.0.0.1:9', apiKey: 'a-secret-of-jente', models: [] };
  await set(coordinator.clients, tenantScope('jente'), { models: { providers: { own: provider } } });
  const { layer: opened } = await coordinator.clients.config.getConfig({ scope: tenantScope('jente') });
  const document = opened?.document ?? {};
  assert.match(JSON.stringify(document), /__OPENCRANE_SECRET_/);
  assert.equal(await coordinator.stop(), 0);
  coordinator = await startCoordinator(coordinator.home);
  const { clients } = coordinator;
  const { layer, changed } = await clients.config.replaceConfig({
    scope: tenantScope('jente'),
    document: { ...document, messages: { ackReaction: 'heron' } },
    expectedRevision: opened?.revision ?? 0n,
  });
  assert.equal(changed, true);
  const receipt = await settled(clients, 'jente', Kind.CONFIG, layer?.revision ?? 0n);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.match(liveFile(), /a-secret-of-jente/);
  assert.match(liveFile(), /heron/);
});
