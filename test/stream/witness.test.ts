/** The fence's second witness from the agent's calls to the coordinator's database, over real connections. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { epochOf } from '@opencrane/agent/fence/lease-record.ts';
import { WitnessCalls } from '@opencrane/agent/stream/witness-calls.ts';
import { Store } from '@opencrane/coordinator/store/store.ts';
import { silent } from '@opencrane/coordinator/store/testing.ts';
import { assemble } from '@opencrane/coordinator/tenants/testing.ts';
import { startPlane } from './fakes.ts';

const { signal } = new AbortController();
const holding = (epoch: number, serial: number) => ({ epoch: epochOf(epoch), serial });

/** A coordinator on a database in a file, which may be restarted, and the calls of an agent with some tenant's token. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'oc-witness-'));
  readonly #calls: WitnessCalls[] = [];
  #stop = async () => {};
  id = '';
  address = '';

  static async make(t: TestContext): Promise<World> {
    const world = new World();
    t.after(() => world.end());
    const { addTenant } = await world.start();
    await addTenant('jente');
    await addTenant('noor');
    return world;
  }

  async start(port = 0) {
    const store = await Store.open(join(this.folder, 'coordinator.sqlite'), silent);
    const inside = await assemble(store);
    this.id = await inside.givenUp.witnessId();
    const plane = await startPlane({ witness: inside.witness, port });
    this.address = plane.address;
    this.#stop = async () => {
      await plane.stop();
      await store.close();
    };
    return inside;
  }

  async stop(): Promise<void> {
    await this.#stop();
    this.#stop = async () => {};
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start(Number(this.address.split(':')[1]));
  }

  get terms() {
    return { id: this.id, outageMillis: 900_000, vouchMillis: 20_000 };
  }

  callsWith(token: string): WitnessCalls {
    const tokenFile = join(this.folder, `token-${this.#calls.length}`);
    writeFileSync(tokenFile, `${token}\n`);
    const calls = new WitnessCalls({ address: this.address, tokenFile });
    this.#calls.push(calls);
    return calls;
  }

  async end(): Promise<void> {
    for (const calls of this.#calls) calls.close();
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

test('a holder is vouched for, again and again, until another is granted the tenant; then never, by no coordinator on this database', async (t) => {
  const world = await World.make(t);
  const holder = world.callsWith('token-of-jente');
  const watcher = world.callsWith('token-of-jente');
  assert.equal(await holder.vouch(holding(3, 40), world.terms, signal), true);
  assert.equal(await watcher.grant(holding(3, 40), world.terms, signal), false, 'its holder lives');
  assert.equal(await holder.vouch(holding(3, 40), world.terms, signal), true);
  await world.restart(); // who was vouched for is forgotten
  assert.equal(await watcher.grant(holding(3, 40), world.terms, signal), true);
  assert.equal(await holder.vouch(holding(3, 40), world.terms, signal), false);
  await world.restart(); // what was granted is not
  assert.equal(await holder.vouch(holding(3, 40), world.terms, signal), false);
  assert.equal(
    await holder.vouch(holding(3, 41), world.terms, signal),
    true,
    'it came through before the other took over',
  );
});

test('a coordinator that is away is unavailable, and asked anew when it is back', async (t) => {
  const world = await World.make(t);
  const calls = world.callsWith('token-of-jente');
  assert.equal(await calls.vouch(holding(1, 1), world.terms, signal), true);
  await world.stop();
  await assert.rejects(calls.vouch(holding(1, 1), world.terms, signal), { code: 'unavailable' });
  await world.start(Number(world.address.split(':')[1]));
  assert.equal(await calls.vouch(holding(1, 1), world.terms, signal), true);
});

test('a tenant is asked about by its own token only', async (t) => {
  const world = await World.make(t);
  const [jente, noor] = [world.callsWith('token-of-jente'), world.callsWith('token-of-noor')];
  assert.equal(await noor.grant(holding(9, 9), world.terms, signal), true);
  assert.equal(await jente.vouch(holding(1, 1), world.terms, signal), true, 'what noor’s agent gave up is noor’s');
  for (const [token, reason] of [
    ['expired', 'token_expired'],
    ['nonsense', 'token_invalid'],
  ] as const) {
    const stranger = world.callsWith(token);
    await assert.rejects(stranger.vouch(holding(1, 1), world.terms, signal), { code: 'unauthenticated', reason });
    await assert.rejects(stranger.grant(holding(1, 1), world.terms, signal), { code: 'unauthenticated', reason });
  }
  const nobody = world.callsWith('token-of-nobody');
  await assert.rejects(nobody.vouch(holding(1, 1), world.terms, signal), { reason: 'tenant_not_found' });
});

test('what is asked is checked', async (t) => {
  const world = await World.make(t);
  const calls = world.callsWith('token-of-jente');
  const { terms } = world;
  const bad = [
    { asks: () => calls.vouch(holding(0, 1), terms, signal), field: 'holding.epoch' },
    { asks: () => calls.grant(holding(0, 1), terms, signal), field: 'holding.epoch' },
    { asks: () => calls.grant(holding(1, -1), terms, signal), field: 'holding.serial' },
    { asks: () => calls.vouch(holding(1, 1), { ...terms, id: '' }, signal), field: 'holding.witness' },
    { asks: () => calls.vouch(holding(1, 1), { ...terms, vouchMillis: 3_600_001 }, signal), field: 'vouch_millis' },
  ];
  for (const { asks, field } of bad) await assert.rejects(asks(), { code: 'invalid_argument', field });
  const another = { ...terms, id: 'another database' };
  await assert.rejects(calls.vouch(holding(1, 1), another, signal), { reason: 'witness_another' });
  await assert.rejects(calls.grant(holding(1, 1), another, signal), { reason: 'witness_another' });
  assert.equal(await calls.vouch(holding(1, 1), terms, signal), true, 'nothing of it was done');
});

test('a question that nobody waits for any more is not asked', async (t) => {
  const world = await World.make(t);
  const calls = world.callsWith('token-of-jente');
  await assert.rejects(calls.grant(holding(1, 1), world.terms, AbortSignal.abort(new Error('too late'))), /too late/);
  assert.equal(await calls.vouch(holding(1, 1), world.terms, signal), true);
});
