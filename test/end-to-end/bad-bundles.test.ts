/** Versions that do not work, on a tenant that serves: code and state go back by themselves, and the history says why. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Code } from '@connectrpc/connect';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { addBadRuntime, type Defect } from '../fixtures/bad-bundles.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

let coordinator: CoordinatorProcess;
let model: ModelStandIn;
const scope = tenantScope('jente');

before(async () => {
  model = await ModelStandIn.listen();
  // Long enough for a good version on a busy machine, which the way back has to wait for.
  coordinator = await startCoordinator(await seededHome(), { OPENCRANE_READY_TIMEOUT_MS: '60000' });
  const { clients } = coordinator;
  await clients.runtimes.pinRuntime({
    scope: { scope: { case: 'organisation', value: true } },
    version: versions.current,
  });
  await readyTenant(coordinator, 'jente');
  await settled(clients, 'jente', Kind.CONFIG, await set(clients, scope, model.configuration()));
  await signedIn(clients, 'jente', (gateway) => takeTurn(gateway, 'said before: heron'));
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  await model.close();
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

const statusOf = async () => (await coordinator.clients.tenants.getTenant({ name: 'jente' })).tenant?.status;

test('a bundle that is damaged on the coordinator’s disk is not offered, and goes; it is built again where its version can be had', async () => {
  const { clients, home } = coordinator;
  const version = await addBadRuntime(home, 'corrupt');
  const before = await statusOf();
  await assert.rejects(clients.runtimes.pinRuntime({ scope, version }), { code: Code.NotFound });
  const now = await statusOf();
  assert.deepEqual([now?.openclawVersion, now?.gatewayPid], [before?.openclawVersion, before?.gatewayPid]);
});

const cases: readonly { defect: Defect; reason: string; says: RegExp }[] = [
  { defect: 'exits', reason: 'gateway_exited', says: /the flux capacitor is missing/ },
  { defect: 'never-ready', reason: 'gateway_not_ready', says: /not ready within 60/ },
];

for (const { defect, reason, says } of cases) {
  test(`a bundle that is ${defect}: what served serves again, with its state`, async () => {
    const { clients, home } = coordinator;
    const version = await addBadRuntime(home, defect);
    const { revision } = await clients.runtimes.pinRuntime({ scope, version, reason: 'the test says so' });
    const receipt = await settled(clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
    assert.equal(receipt.state, ReceiptState.FAILED);
    assert.equal(receipt.reason, reason, receipt.message);
    assert.match(receipt.message, says);
    assert.match(await signedIn(clients, 'jente', conversation), /heron/);
    const now = await statusOf();
    assert.equal(now?.openclawVersion, versions.current);
    assert.equal(gatewaysOf(home).length, 1);
    const history = await clients.runtimes.listRuntimeHistory({ tenant: 'jente' });
    assert.equal(history.receipts.find(({ revision: of }) => of === revision?.revision)?.reason, reason);
  });
}
