/**
 * What dies while the disk of an installation is full: whoever comes in its place starts there, or waits for room and says so,
 * and all is well again by itself once there is room. An OpenClaw that serves is not stopped for an order that it would not survive.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ComponentState, Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { programsOf } from '../fixtures/second-machine.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { SmallDisk } from '../fixtures/small-disk.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const disk = SmallDisk.mount(400 * 1024 ** 2);
const skip = 'skip' in disk && disk.skip;
const model = await ModelStandIn.listen();

after(async () => {
  await model.close();
  if (!('skip' in disk)) disk.unmount();
});

/** Processes of the installation. */
type Pids = { readonly agent: number; readonly launcher: number; readonly gateway: number };

function pidsOf(coordinator: CoordinatorProcess): Pids {
  return { ...programsOf(coordinator, 'jente'), gateway: gatewaysOf(coordinator.home)[0]?.pid ?? 0 };
}

function part({ status }: Tenant, name: string) {
  return status?.health?.parts.find((each) => each.name === name);
}

/** Who dies, and how. */
type Row = {
  readonly reason: string;
  /** Resolves with the coordinator that is there afterwards. */
  readonly strike: (coordinator: CoordinatorProcess, pids: Pids) => Promise<CoordinatorProcess>;
  /** What is seen while the disk is still full. */
  readonly holds: (tenant: Tenant, now: Pids, before: Pids) => boolean;
};

const kill = (of: keyof Pids) => async (coordinator: CoordinatorProcess, pids: Pids) => {
  process.kill(pids[of], 'SIGKILL');
  return coordinator;
};
const saysFull = (tenant: Tenant) => /the disk is full/.test(part(tenant, 'disk')?.message ?? '');
const openclawSays = (tenant: Tenant, words: RegExp) => words.test(part(tenant, 'openclaw')?.message ?? '');

const rows: readonly Row[] = [
  {
    reason: 'the agent: the next one starts on the full disk, and keeps the lease and with it OpenClaw',
    strike: kill('agent'),
    holds: (tenant, now, before) =>
      isReady(tenant) && saysFull(tenant) && now.agent !== before.agent && now.gateway === before.gateway,
  },
  {
    reason: 'the coordinator: the next one starts on the full disk, and finds everything running',
    async strike(coordinator) {
      const { home, adminUrl, agentAddress } = coordinator;
      await coordinator.kill();
      const ports = { admin: Number(new URL(adminUrl).port), agents: Number(agentAddress.split(':')[1]) };
      return startCoordinator(home, {}, ports);
    },
    holds: (tenant, now, before) =>
      isReady(tenant) && saysFull(tenant) && now.agent === before.agent && now.gateway === before.gateway,
  },
  {
    reason: 'OpenClaw: it cannot start there, which is no damaged state, and is tried again',
    strike: kill('gateway'),
    holds: (tenant) => !isReady(tenant) && openclawSays(tenant, /^(was started again; .*)?exited with code 78/),
  },
  {
    reason: 'the launcher, and OpenClaw with it: another launcher starts, and the agent says why it starts nothing',
    strike: kill('launcher'),
    holds: (tenant, now, before) =>
      now.launcher !== before.launcher && openclawSays(tenant, /^start failed.*: the disk is full/),
  },
];

for (const { reason, strike, holds } of rows) {
  test(`on a full disk dies ${reason}`, { skip }, async (t) => {
    const small = disk as SmallDisk; // not a skip
    const home = await seededHome(undefined, small.folder);
    let coordinator = await startCoordinator(home);
    t.after(async () => {
      small.free();
      await coordinator.stop();
      assert.deepEqual(processesOf(home), []);
      removeHome(home);
    });
    await readyTenant(coordinator, 'jente');
    const scope = tenantScope('jente');
    const revision = await set(coordinator.clients, scope, model.configuration());
    await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
    const say = (text: string) => signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, text));
    await say('before');
    const before = pidsOf(coordinator);

    small.fill();
    await awaitTenant(coordinator.clients, 'jente', 'said to have a full disk', saysFull);
    coordinator = await strike(coordinator, before);
    const tenant = await awaitTenant(coordinator.clients, 'jente', 'as it should be', (seen) => {
      small.fill(); // what was deleted meanwhile
      return holds(seen, pidsOf(coordinator), before);
    });
    t.diagnostic(`status: ${tenant.status?.message}`);

    small.free();
    await awaitFact('turns are answered again', () => say('after').then(() => true), { withinMillis: 120_000 });
    const well = await awaitTenant(coordinator.clients, 'jente', 'well again', (seen) => {
      const isKept = part(seen, 'vault')?.state === ComponentState.HEALTHY;
      return isReady(seen) && isKept && !/full/.test(seen.status?.message ?? '');
    });
    t.diagnostic(`status: ${well.status?.message}`);
    const text = await signedIn(coordinator.clients, 'jente', (gateway) => conversation(gateway));
    for (const word of ['before', 'after']) assert.match(text, new RegExp(`"${word}"`));
  });
}

test('on a full disk OpenClaw is not stopped for an order to restart it: it would not come up again', {
  skip,
}, async (t) => {
  const small = disk as SmallDisk; // not a skip
  const home = await seededHome(undefined, small.folder);
  const coordinator = await startCoordinator(home);
  t.after(async () => {
    small.free();
    await coordinator.stop();
    removeHome(home);
  });
  const { clients } = coordinator;
  await readyTenant(coordinator, 'jente');
  const { gateway } = pidsOf(coordinator);
  small.fill();
  small.spare(4 * 1024 ** 2); // enough for what is to be noted, and not for a start
  await awaitTenant(clients, 'jente', 'said to have a full disk', saysFull);
  await assert.rejects(clients.tenants.restartTenant({ name: 'jente' }), (thrown) => {
    const { code, rawMessage } = ConnectError.from(thrown);
    assert.equal(code, Code.ResourceExhausted, rawMessage);
    assert.match(
      rawMessage,
      /restarting OpenClaw: stopping OpenClaw to start it again: the disk is full, and it would not come up/,
    );
    return true;
  });
  assert.equal(pidsOf(coordinator).gateway, gateway);
  small.free();
  await awaitTenant(clients, 'jente', 'said to have room', (tenant) => isReady(tenant) && !saysFull(tenant));
  await clients.tenants.restartTenant({ name: 'jente' });
  assert.notEqual(pidsOf(coordinator).gateway, gateway);
});
