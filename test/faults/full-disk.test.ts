/**
 * The disk of an installation (coordinator, tenant and its bucket) fills up and is freed again while the tenant is talked
 * to: the same processes, nothing that was answered is lost, and status says in words what is the matter.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ComponentState, Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { killEverything, loseDisk } from '../fixtures/lost-disk.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { programsOf } from '../fixtures/second-machine.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { SmallDisk } from '../fixtures/small-disk.ts';
import { awaitTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const DISK_BYTES = 400 * 1024 ** 2;
/** Long enough for snapshots, heartbeats, logs and events to have met it. */
const FULL_MILLIS = 12_000;

const disk = SmallDisk.mount(DISK_BYTES);
const skip = 'skip' in disk && disk.skip;
const model = await ModelStandIn.listen();

after(async () => {
  await model.close();
  if (!('skip' in disk)) disk.unmount();
});

/** Where the parts of an installation lie. */
type Row = {
  readonly reason: string;
  readonly home: (small: string) => Promise<string>;
  readonly environment?: (small: string) => NodeJS.ProcessEnv;
  /** Whether the coordinator has its database on it, the tenant its state. */
  readonly coordinator: boolean;
  readonly tenant: boolean;
};

const rows: readonly Row[] = [
  { reason: 'all of it', home: (small) => seededHome(undefined, small), coordinator: true, tenant: true },
  {
    reason: 'only the tenants',
    async home(small) {
      const home = await seededHome();
      symlinkSync(mkdtempSync(join(small, 't-')), join(home, 'tenants'));
      return home;
    },
    coordinator: false,
    tenant: true,
  },
  {
    reason: 'only the coordinator',
    async home(small) {
      const home = await seededHome(undefined, small);
      symlinkSync(mkdtempSync(join(tmpdir(), 'oc-t-')), join(home, 'tenants'));
      return home;
    },
    coordinator: true,
    tenant: false,
  },
  {
    reason: 'only the buckets',
    async home(small) {
      mkdirSync(join(small, 'b', 'jente'), { recursive: true });
      const home = await seededHome();
      mkdirSync(join(home, 'tenants'));
      return home;
    },
    environment: (small) => ({ OPENCRANE_BUCKETS: join(small, 'b', '{tenant}') }),
    coordinator: false,
    tenant: false,
  },
];

/** Says one number after the other until it is told to stop, signing in again like a client. */
function keepSaying({ clients }: CoordinatorProcess) {
  const [answered, end] = [new Set<number>(), new AbortController()];
  let [said, last] = [0, 0];
  const saying = async () => {
    while (!end.signal.aborted) {
      await signedIn(clients, 'jente', async (gateway) => {
        while (!end.signal.aborted) {
          const number = ++said;
          await takeTurn(gateway, `number ${number}.`);
          answered.add(number);
          last = Date.now();
          await wait(100);
        }
      }).catch(() => wait(200)); // what OpenClaw cannot write it does not answer
    }
  };
  const done = saying();
  return {
    answered,
    more: (count: number) => {
      const goal = answered.size + count;
      return awaitFact(`${count} more turns are answered`, () => answered.size >= goal, { withinMillis: 120_000 });
    },
    /** Resolves with the moment of the last answer. */
    async stop() {
      end.abort();
      await done;
      return last;
    },
  };
}

function part({ status }: Tenant, name: string) {
  return status?.health?.parts.find((each) => each.name === name);
}

const serves = (tenant: Tenant) =>
  tenant.status?.connected === true && part(tenant, 'openclaw')?.state === ComponentState.HEALTHY;

/** What was there at that moment is in a snapshot that the agent took by itself. */
async function awaitStored({ clients }: CoordinatorProcess, moment: number): Promise<void> {
  await awaitFact('it is stored', async () => {
    const { list } = await clients.vault.listSnapshots({ tenant: 'jente' });
    return list?.snapshots.some(({ takenAtMillis }) => Number(takenAtMillis) >= moment);
  });
}

for (const row of rows) {
  test(`a disk that has ${row.reason} fills up and is freed: the same processes, nothing lost, words`, {
    skip,
  }, async (t) => {
    const small = disk as SmallDisk; // not a skip
    const home = await row.home(small.folder);
    const environment = { OPENCRANE_LEASE_TTL_MS: '6000', ...row.environment?.(small.folder) };
    let coordinator = await startCoordinator(home, environment);
    t.after(async () => {
      small.free();
      await coordinator.stop();
      assert.deepEqual(processesOf(home), []);
      const tenants = realpathSync(join(home, 'tenants'));
      removeHome(home);
      rmSync(tenants, { recursive: true, force: true });
    });
    const { clients } = coordinator;
    await clients.tenants.createTenant({ name: 'jente' });
    await awaitTenant(clients, 'jente', 'serving', serves);
    const scope = tenantScope('jente');
    await settled(clients, 'jente', Kind.CONFIG, await set(clients, scope, model.configuration()));
    const talk = keepSaying(coordinator);
    await talk.more(3);
    const pids = { gateways: gatewaysOf(home).map(({ pid }) => pid), ...programsOf(coordinator, 'jente') };

    small.fill();
    const full = performance.now();
    if (row.tenant) {
      await awaitTenant(clients, 'jente', 'said to have a full disk', (tenant) =>
        /the disk is full/.test(part(tenant, 'disk')?.message ?? ''),
      );
    }
    while (performance.now() - full < FULL_MILLIS) {
      small.fill(); // what was deleted meanwhile
      await wait(500);
    }
    if (row.coordinator) {
      await assert.rejects(set(clients, scope, { 'agents.defaults.timeoutSeconds': 77 }), (thrown) => {
        const { code, rawMessage } = ConnectError.from(thrown);
        assert.equal(code, Code.ResourceExhausted, rawMessage);
        assert.match(rawMessage, /the disk is full/);
        return true;
      });
    } else await talk.more(0);
    t.diagnostic(`status: ${(await clients.tenants.getTenant({ name: 'jente' })).tenant?.status?.message}`);

    small.free();
    await talk.more(5);
    await awaitTenant(clients, 'jente', 'well again', (tenant) => {
      const isWell = part(tenant, 'vault')?.state === ComponentState.HEALTHY;
      return serves(tenant) && isWell && !/full/.test(part(tenant, 'disk')?.message ?? '');
    });
    await talk.more(2);
    const last = await talk.stop();
    await awaitStored(coordinator, last);
    assert.deepEqual(
      { gateways: gatewaysOf(home).map(({ pid }) => pid), ...programsOf(coordinator, 'jente') },
      pids,
      'the same processes',
    );

    await killEverything(home);
    loseDisk(home, 'jente');
    coordinator = await startCoordinator(home, environment);
    await awaitTenant(coordinator.clients, 'jente', 'serving on an empty disk', serves);
    const text = await signedIn(coordinator.clients, 'jente', (gateway) => conversation(gateway));
    const there = new Set([...text.matchAll(/number (\d+)\./g)].map((match) => Number(match[1])));
    assert.deepEqual(
      [...talk.answered].filter((number) => !there.has(number)),
      [],
    );
    t.diagnostic(`${talk.answered.size} turns were answered`);
  });
}
