/** Configuration from the admin's call to the running OpenClaw and back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, effectiveValue, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope, unset } from '../fixtures/tenants.ts';

let coordinator: CoordinatorProcess;
let model: ModelStandIn;

before(async () => {
  model = await ModelStandIn.listen();
  coordinator = await startCoordinator(await seededHome());
  await readyTenant(coordinator, 'jente');
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  await model.close();
  assert.deepEqual(processesOf(coordinator.home), [], 'nothing of the tenant stays behind');
  removeHome(coordinator.home);
});

const pid = async () => (await coordinator.clients.tenants.getTenant({ name: 'jente' })).tenant?.status?.gatewayPid;

test('a hot key reaches the running gateway: same process, receipt, value read back', async () => {
  const { clients } = coordinator;
  const before = await pid();
  const revision = await set(clients, tenantScope('jente'), { 'logging.level': 'debug' });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.equal(receipt.effect, 'hot');
  assert.equal(receipt.revision, revision);
  assert.equal(receipt.servingDigest, receipt.digest);
  assert.equal(await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'logging.level')), 'debug');
  assert.equal(await pid(), before);
});

test('a restart key takes one drained restart, and the conversation is still there', async () => {
  const { clients } = coordinator;
  await settled(clients, 'jente', Kind.CONFIG, await set(clients, tenantScope('jente'), model.configuration()));
  await signedIn(clients, 'jente', (gateway) => takeTurn(gateway, 'remember the word heron'));
  const before = await pid();
  const revision = await set(clients, tenantScope('jente'), { 'gateway.controlUi.basePath': '/assistant' });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.equal(receipt.effect, 'restart');
  await awaitTenant(
    clients,
    'jente',
    'running under a new pid',
    ({ status }) => status?.gatewayPid !== 0n && status?.gatewayPid !== before,
  );
  const said = await signedIn(clients, 'jente', conversation);
  assert.match(said, /heron/);
});

test('an invalid value is refused in OpenClaw’s own words; last-good serves on; the attempt is in history', async () => {
  const { clients } = coordinator;
  const before = await pid();
  const scope = tenantScope('jente');
  await assert.rejects(
    set(clients, scope, { 'logging.level': 'nonsense' }),
    /refuses it: logging\.level: Invalid input/,
  );
  const revision = await set(clients, scope, { 'logging.level': 'nonsense' }, { skipCheck: true });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.FAILED);
  assert.equal(receipt.path, 'logging.level');
  assert.match(receipt.message, /Invalid input/);
  assert.notEqual(receipt.servingDigest, receipt.digest);
  assert.equal(await pid(), before);
  assert.equal(await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'logging.level')), 'debug');
  const { receipts } = await clients.config.listConfigHistory({ scope });
  assert.ok(receipts.some((each) => each.revision === revision && each.state === ReceiptState.FAILED));
  await settled(clients, 'jente', Kind.CONFIG, await set(clients, scope, { 'logging.level': 'debug' }));
});

test('an unknown key is refused with its name', async () => {
  const { clients } = coordinator;
  await assert.rejects(set(clients, tenantScope('jente'), { 'noSuchSection.key': 1 }), /noSuchSection/);
  const revision = await set(clients, tenantScope('jente'), { 'noSuchSection.key': 1 }, { skipCheck: true });
  const receipt = await settled(clients, 'jente', Kind.CONFIG, revision);
  assert.equal(receipt.state, ReceiptState.FAILED);
  assert.match(receipt.message, /noSuchSection/);
  await settled(clients, 'jente', Kind.CONFIG, await unset(clients, tenantScope('jente'), ['noSuchSection']));
});

test('the nearest scope wins, and taking it away brings the outer one back', async () => {
  const { clients } = coordinator;
  const organisation = { scope: { case: 'organisation', value: true } } as const;
  await set(clients, organisation, { 'messages.ackReactionScope': 'all' });
  const near = await set(clients, tenantScope('jente'), { 'messages.ackReactionScope': 'direct' });
  assert.equal((await settled(clients, 'jente', Kind.CONFIG, near)).state, ReceiptState.APPLIED);
  assert.equal(
    await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'messages.ackReactionScope')),
    'direct',
  );
  const gone = await unset(clients, tenantScope('jente'), ['messages.ackReactionScope']);
  assert.equal((await settled(clients, 'jente', Kind.CONFIG, gone)).state, ReceiptState.APPLIED);
  assert.equal(
    await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'messages.ackReactionScope')),
    'all',
  );
});

test('a person’s own edit survives the next push; an edit of a managed path shows as drift and is put back', async () => {
  const { clients } = coordinator;
  const edit = (patch: object) =>
    signedIn(clients, 'jente', async (gateway) => gateway.configPatch(patch, (await gateway.configGet()).hash));
  await edit({ agents: { defaults: { maxConcurrent: 3 } } });
  const revision = await set(clients, tenantScope('jente'), { 'agents.defaults.timeoutSeconds': 900 });
  assert.equal((await settled(clients, 'jente', Kind.CONFIG, revision)).state, ReceiptState.APPLIED);
  assert.equal(
    await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'agents.defaults.maxConcurrent')),
    3,
  );

  const drifted = (async () => {
    for await (const { event } of clients.events.watchEvents(
      { tenant: 'jente', afterId: -1n, follow: true },
      { signal: AbortSignal.timeout(60_000) },
    )) {
      if (event?.reason === 'DriftFound') return event.message;
    }
    return '';
  })();
  await edit({ agents: { defaults: { timeoutSeconds: 5 } } });
  assert.match(await drifted, /agents\.defaults\.timeoutSeconds/);
  await awaitTenant(clients, 'jente', 'without drift', ({ status }) => status?.drift.length === 0);
  assert.equal(
    await signedIn(clients, 'jente', (gateway) => effectiveValue(gateway, 'agents.defaults.timeoutSeconds')),
    900,
  );
});
