/**
 * kill -9 of the agent, the launcher, OpenClaw or the coordinator at the steps of boot, configuration and upgrade:
 * what the rows of kill-config.test.ts and kill-upgrade.test.ts do.
 *
 * Each row lets whoever comes to the step stand still there, kills its victim, and lets the other go on; nobody helps
 * after that. All along it is looked for two OpenClaws on one state and for half a configuration.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind, type Receipt, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { chooseRows } from '../fixtures/choose-rows.ts';
import { conversation, effectiveValue, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { FaultFile } from '../fixtures/fault-file.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { twins, watchForTwo } from '../fixtures/never.ts';
import { childrenOf, gatewaysOf, isAlive, processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

type Victim = 'agent' | 'launcher' | 'openclaw' | 'coordinator';
type Scenario = 'first boot' | 'boot' | 'hot' | 'restart' | 'upgrade' | 'downgrade';

/** One kill. */
export type Row = {
  readonly reason: string;
  readonly scenario: Scenario;
  readonly step: string;
  readonly kill: Victim;
  /** When the offer is refused: what was killed is what was being tried, and the one before serves. */
  readonly refused?: RegExp;
};

const { timeoutSeconds, maxConcurrent } = { timeoutSeconds: twins[0], maxConcurrent: twins[1] };
const scope = tenantScope('jente');
let home: string;
let faults: FaultFile;
let model: ModelStandIn;
let coordinator: CoordinatorProcess;
let values: JsonObject = {};
let version: string = versions.previous;
let count = 0;
/** Whether something was said that must not be forgotten. */
let spoken = false;

async function setUp(): Promise<void> {
  home = await seededHome();
  ownRuntimes();
  faults = new FaultFile(home);
  model = await ModelStandIn.listen();
  coordinator = await start();
  const { runtimes } = coordinator.clients;
  const organisation = { scope: { case: 'organisation', value: true } } as const;
  await runtimes.pinRuntime({ scope: organisation, version: versions.previous });
}

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  await model.close();
  assert.deepEqual(processesOf(home), [], 'nothing stays behind');
  removeHome(home);
});

function start(): Promise<CoordinatorProcess> {
  const environment = { ...faults.environment, OPENCRANE_SOAK_MS: '1000' };
  return startCoordinator(home, environment, coordinator === undefined ? undefined : portsOf(coordinator));
}

function portsOf({ adminUrl, agentAddress }: CoordinatorProcess) {
  return { admin: Number(new URL(adminUrl).port), agents: Number(agentAddress.split(':')[1]) };
}

/** A folder of unpacked runtimes that is not the seed's, so that a first boot unpacks. */
function ownRuntimes(): void {
  rmSync(join(home, 'runtimes'), { recursive: true, force: true });
  mkdirSync(join(home, 'runtimes'));
}

/** What a row takes for granted, whatever was run before it. */
async function prepare({ scenario }: Row): Promise<void> {
  const { clients } = coordinator;
  const { tenants } = await clients.tenants.listTenants({});
  if (scenario === 'first boot') {
    if (tenants.length > 0) await clients.tenants.deleteTenant({ name: 'jente' });
    await awaitFact('the name is free', async () => (await clients.tenants.listTenants({})).tenants.length === 0);
    values = {};
    version = versions.previous;
    spoken = false;
    return;
  }
  if (tenants.length === 0) await readyTenant(coordinator, 'jente');
  if (!spoken) await firstWords();
  const from = scenario === 'upgrade' ? versions.previous : versions.current;
  if ((scenario === 'upgrade' || scenario === 'downgrade') && version !== from) await changeVersion(from);
}

async function changeVersion(to: string): Promise<void> {
  const { clients } = coordinator;
  const { revision } = await clients.runtimes.pinRuntime({
    scope,
    version: to,
    restoreKeptState: to === versions.previous,
  });
  const receipt = await settled(clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  version = to;
}

/** Begins what the row is about, and says what settles it: nothing for a boot. */
async function begin({ scenario, step }: Row): Promise<{ readonly kind: Kind; readonly revision: bigint } | undefined> {
  const { clients } = coordinator;
  count += 1;
  switch (scenario) {
    case 'first boot':
      ownRuntimes();
      faults.arm(step);
      await clients.tenants.createTenant({ name: 'jente' });
      return undefined;
    case 'boot':
      assert.equal(await coordinator.stop(), 0);
      faults.arm(step);
      coordinator = await start();
      return undefined;
    case 'hot':
    case 'restart': {
      faults.arm(step);
      const restart = scenario === 'restart' ? { 'gateway.controlUi.basePath': `/path-${count}` } : {};
      wanted = {
        ...values,
        [`agents.defaults.${timeoutSeconds}`]: count,
        [`agents.defaults.${maxConcurrent}`]: count,
        ...restart,
      };
      return { kind: Kind.CONFIG, revision: await set(clients, scope, wanted) };
    }
    case 'upgrade':
    case 'downgrade': {
      faults.arm(step);
      wantedVersion = scenario === 'upgrade' ? versions.current : versions.previous;
      const restoreKeptState = scenario === 'downgrade';
      const { revision } = await clients.runtimes.pinRuntime({ scope, version: wantedVersion, restoreKeptState });
      return { kind: Kind.RUNTIME, revision: revision?.revision ?? 0n };
    }
  }
}

let wanted: JsonObject = {};
let wantedVersion: string = versions.previous;

const pidIn = (file: string) => Number(readFileSync(join(home, 'tenants', 'jente', file), 'utf8'));

function pidOf(victim: Victim): number {
  switch (victim) {
    case 'agent':
      return pidIn('agent/agent.pid');
    case 'launcher':
      return pidIn('run/launcher.pid');
    case 'coordinator':
      return coordinator.pid;
    case 'openclaw': {
      const [pid, ...more] = childrenOf(pidIn('run/launcher.pid'));
      assert.deepEqual(more, [], 'the launcher has one child');
      assert.ok(pid !== undefined, 'OpenClaw is there to be killed');
      return pid;
    }
  }
}

/** Waits until somebody stands at the step, kills, and lets the other go on. */
async function strike({ step, kill }: Row): Promise<void> {
  const standing = await faults.reached(step);
  const victim = pidOf(kill);
  process.kill(victim, 'SIGKILL');
  await awaitFact(`${kill} ${victim} is gone`, () => !isAlive(victim), { everyMillis: 10 });
  if (isAlive(standing)) process.kill(standing, 'SIGCONT');
  if (kill !== 'coordinator') return;
  await coordinator.kill();
  coordinator = await start();
}

/** The receipts that end a revision: one, whatever was killed. */
async function endOf({ kind, revision }: { kind: Kind; revision: bigint }): Promise<Receipt> {
  const { clients } = coordinator;
  const receipt = await settled(clients, 'jente', kind, revision);
  const { receipts } =
    kind === Kind.CONFIG
      ? await clients.config.listConfigHistory({ scope })
      : await clients.runtimes.listRuntimeHistory({ tenant: 'jente' });
  const ends = receipts.filter((each) => each.revision === revision && each.state !== ReceiptState.APPLYING);
  assert.equal(ends.length, 1, 'told once');
  return receipt;
}

/** Whole again: one OpenClaw, ready, of the version, with the values and with what was said to it. */
async function assertWhole(): Promise<void> {
  const { clients } = coordinator;
  await awaitTenant(
    clients,
    'jente',
    `ready with ${version}`,
    ({ status }) =>
      status?.phase === Phase.READY &&
      status.openclawVersion === version &&
      status.drift.length === 0 &&
      isAlive(Number(status.gatewayPid)),
  );
  await signedIn(clients, 'jente', async (gateway) => {
    for (const [path, value] of Object.entries(values)) assert.deepEqual(await effectiveValue(gateway, path), value);
    if (spoken) assert.match(await conversation(gateway), /heron/);
  });
  assert.equal(gatewaysOf(home).length, 1, 'one OpenClaw');
}

async function firstWords(): Promise<void> {
  const { clients } = coordinator;
  await settled(clients, 'jente', Kind.CONFIG, await set(clients, scope, model.configuration()));
  await signedIn(clients, 'jente', (gateway) => takeTurn(gateway, 'remember the heron'));
  spoken = true;
}

/** The offer was answered as the row says; then that is what is wanted from now on. */
async function assertAnswered({ refused }: Row, offer: { kind: Kind; revision: bigint }): Promise<void> {
  const receipt = await endOf(offer);
  if (refused !== undefined) {
    assert.equal(receipt.state, ReceiptState.FAILED);
    assert.match(receipt.message, refused);
    return;
  }
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  if (offer.kind === Kind.CONFIG) values = wanted;
  else version = wantedVersion;
}

/** Makes a test of each row that is chosen, in their order, on one tenant. */
export function killTable(rows: readonly Row[]): void {
  before(setUp);

  for (const row of chooseRows(rows)) {
    const { scenario, step, kill, reason } = row;
    test(`${scenario}: ${kill} killed at ${step}, ${reason}`, { timeout: 240_000 }, async (t) => {
      await prepare(row);
      const stop = watchForTwo(home, 'jente');
      try {
        const offer = await begin(row);
        await strike(row);
        const struck = performance.now();
        if (offer !== undefined) await assertAnswered(row, offer);
        await assertWhole();
        t.diagnostic(`whole again ${((performance.now() - struck) / 1000).toFixed(1)} s after the kill`);
      } finally {
        faults.disarm();
        const { seen, looks } = await stop();
        for (const what of seen) t.diagnostic(what);
        assert.deepEqual(seen, [], `in ${looks} looks`);
      }
    });
  }
}
