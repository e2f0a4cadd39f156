/** kill -9 of the agent at steps of an upgrade's way back, on the real OpenClaw: the next agent goes on with it, and the old version serves. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { addBadRuntime } from '../fixtures/bad-bundles.ts';
import { startCoordinator } from '../fixtures/coordinator-process.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, settled, tenantScope } from '../fixtures/tenants.ts';

for (const step of ['upgrade:back-stop', 'upgrade:back-restore:done', 'upgrade:back-start:done']) {
  test(`killed at ${step}: the old version serves again`, async (t) => {
    const home = await seededHome();
    const once = join(home, 'killed');
    const coordinator = await startCoordinator(home, {
      OPENCRANE_FAULT_AT: step,
      OPENCRANE_FAULT_ONCE: once,
      OPENCRANE_SOAK_MS: '1000',
    });
    t.after(async () => {
      assert.equal(await coordinator.stop(), 0);
      assert.deepEqual(processesOf(home), []);
      removeHome(home);
    });
    const { runtimes } = coordinator.clients;
    await runtimes.pinRuntime({
      scope: { scope: { case: 'organisation', value: true } },
      version: versions.previous,
    });
    await readyTenant(coordinator, 'jente');
    const version = await addBadRuntime(home, 'exits');
    const { revision } = await runtimes.pinRuntime({ scope: tenantScope('jente'), version });
    const receipt = await settled(coordinator.clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
    assert.ok(existsSync(once), 'the agent was killed');
    assert.equal(receipt.state, ReceiptState.FAILED, receipt.message);
    assert.equal(receipt.reason, 'gateway_exited');
    await awaitTenant(
      coordinator.clients,
      'jente',
      'the old version serves',
      ({ status }) => status?.openclawVersion === versions.previous,
    );
    assert.equal(gatewaysOf(home).length, 1, 'one OpenClaw');
    const data = join(home, 'tenants', 'jente');
    assert.deepEqual(
      readdirSync(data).filter((name) => /incoming|aside/.test(name)),
      [],
      'no half-moved state',
    );
    const { receipts } = await runtimes.listRuntimeHistory({ tenant: 'jente' });
    const ends = receipts.filter(
      (each) => each.revision === revision?.revision && each.state !== ReceiptState.APPLYING,
    );
    assert.equal(ends.length, 1, 'told once');
  });
}
