/** Versions of OpenClaw: up with everything kept, down only with the state of then, and back by itself when a version is bad. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
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
  coordinator = await startCoordinator(await seededHome());
  const { clients } = coordinator;
  await clients.runtimes.pinRuntime({
    scope: { scope: { case: 'organisation', value: true } },
    version: versions.previous,
  });
  await readyTenant(coordinator, 'jente');
  await settled(clients, 'jente', Kind.CONFIG, await set(clients, scope, model.configuration()));
  await signedIn(clients, 'jente', (gateway) => takeTurn(gateway, 'said before the upgrade: heron'));
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  await model.close();
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

/** Pins jente and waits for what became of it. */
async function pin(version: string, restoreKeptState = false) {
  const { clients } = coordinator;
  const { revision } = await clients.runtimes.pinRuntime({
    scope,
    version,
    reason: 'the test says so',
    restoreKeptState,
  });
  return settled(clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
}

const observedVersion = async () =>
  (await coordinator.clients.tenants.getTenant({ name: 'jente' })).tenant?.status?.openclawVersion;

test('an upgrade keeps the conversation', async (t) => {
  const receipt = await pin(versions.current);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.equal(receipt.effect, 'switch');
  assert.equal(await observedVersion(), versions.current);
  assert.match(await signedIn(coordinator.clients, 'jente', conversation), /heron/);
  assert.equal(gatewaysOf(coordinator.home).length, 1);
  t.diagnostic(`downtime of the upgrade: ${receipt.downtimeMillis} ms`);
});

test('a downgrade that the state forbids is refused with the choice, and what it would cost', async () => {
  await signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, 'said after the upgrade: kingfisher'));
  const receipt = await pin(versions.previous);
  assert.equal(receipt.state, ReceiptState.FAILED);
  assert.equal(receipt.reason, 'downgrade_needs_kept_state');
  assert.match(receipt.message, /minute/);
  assert.equal(await observedVersion(), versions.current);
});

test('with the choice made, the kept state comes back: what was said before is there, what was said since is not', async () => {
  const receipt = await pin(versions.previous, true);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.equal(await observedVersion(), versions.previous);
  const said = await signedIn(coordinator.clients, 'jente', conversation);
  assert.match(said, /heron/);
  assert.doesNotMatch(said, /kingfisher/);
});
