/** `openclaw` as a tenant types it in their shell: `update` goes to the agent, all else to OpenClaw. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { openclaw as openclawIn } from '../fixtures/tenant-shell.ts';
import { awaitTenant, settled, tenantScope } from '../fixtures/tenants.ts';

let coordinator: CoordinatorProcess;
const scope = tenantScope('jente');

before(async () => {
  coordinator = await startCoordinator(await seededHome());
  const { runtimes } = coordinator.clients;
  // A tenant that stays where a pin was taken away is how an unpinned one comes to be at an older version.
  await coordinator.clients.tenants.createTenant({ name: 'jente' });
  const { revision } = await runtimes.pinRuntime({
    scope,
    version: versions.previous,
    reason: 'to begin with\u001b[2J',
  });
  await settled(coordinator.clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

const openclaw = (...args: string[]) => openclawIn(coordinator.clients, 'jente', ...args);

test('other commands reach OpenClaw unchanged: arguments, output and exit code', async () => {
  const version = await openclaw('--version');
  assert.deepEqual([version.code, version.output.includes(versions.previous)], [0, true], version.output);
  const unknown = await openclaw('no-such-command');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.output, /no-such-command/);
});

test('pinned, an update is refused with who pinned the version and why', async () => {
  const { code, output } = await openclaw('update');
  assert.equal(code, 5, output);
  assert.match(output, /pinned/);
  assert.match(output, /admin/);
  assert.ok(output.includes('to begin with\\x1b[2J'), output); // what an admin writes does not clear her screen
});

test('unpinned, an update shows its progress and ends at the latest version', async () => {
  const { clients } = coordinator;
  const { revision } = await clients.runtimes.unpinRuntime({ scope, reason: 'jente may choose' });
  await settled(clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
  const { code, output } = await openclaw('update');
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`OpenClaw ${versions.current.replaceAll('.', '\\.')} runs`));
  await awaitTenant(
    clients,
    'jente',
    'seen at the new version',
    ({ status }) => status?.openclawVersion === versions.current,
  );
  const { receipts } = await clients.runtimes.listRuntimeHistory({ tenant: 'jente' });
  assert.equal(receipts[0]?.state, ReceiptState.APPLIED);
});

test('a version that does not exist is refused in a sentence, and nothing happens to the tenant', async () => {
  const { code, output } = await openclaw('update', '--tag', '2099.1.1');
  assert.notEqual(code, 0);
  assert.match(output, /2099\.1\.1/);
  const { tenant } = await coordinator.clients.tenants.getTenant({ name: 'jente' });
  assert.equal(tenant?.status?.openclawVersion, versions.current);
});
