import assert from 'node:assert/strict';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Store } from '../store/store.ts';
import { onEachDatabase, silent } from '../store/testing.ts';
import { tenantMessage } from '../tenants/tenant-message.ts';
import { admin, assembleRuntimes, unchecked } from './testing.ts';

type Inside = Awaited<ReturnType<typeof assembleRuntimes>>;

/** Waits for a fact of the loop under test, which works with a real database and real files. */
function until(what: string, fact: () => Promise<boolean> | boolean): Promise<boolean> {
  return awaitFact(what, fact, { everyMillis: 3 });
}

async function runtimeOffer({ desired }: Inside, tenant = 'jente') {
  return (await desired.offersFor(tenant)).find(({ kind }) => kind === Kind.RUNTIME);
}

function offline(): OpenCraneError {
  return new OpenCraneError('unavailable', 'registry_unreachable', 'no network', { mend: 'wait' });
}

onEachDatabase((database) => {
  test('reading what is wanted starts no build and writes nothing', async (t) => {
    const inside = await assembleRuntimes(t, await database.store(t));
    const { desired, directory, store, builder, wishes } = inside;
    await wishes.pin({ kind: 'organisation' }, '2026.9.5', false, admin, unchecked);
    const tables = () =>
      Promise.all(
        (['revisions', 'events', 'audit'] as const).map((table) => store.db.selectFrom(table).selectAll().execute()),
      );
    const before = await tables();
    for (const name of directory.names()) {
      await desired.offersFor(name);
      await tenantMessage(directory.get(name), desired);
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(builder.asked, []);
    assert.deepEqual(await tables(), before);
  });

  test('whoever is there at the start, or comes later, gets the latest as its own, and the offer is told', async (t) => {
    const inside = await assembleRuntimes(t, await database.store(t));
    const { start, addTenant, wishes, desired } = inside;
    const told: unknown[] = [];
    desired.onChange((tenants) => told.push(tenants));
    assert.equal(await runtimeOffer(inside), undefined);
    await start();
    await until('jente has an offer', async () => (await runtimeOffer(inside)) !== undefined);
    await addTenant('kim');
    await until('kim has one, too', async () => (await runtimeOffer(inside, 'kim')) !== undefined);
    const decision = await wishes.decide('kim');
    assert.deepEqual(
      [decision?.wish, decision?.by.reason],
      [{ version: '2026.9.6', pinned: false, restoreKeptState: false }, 'first boot: latest'],
    );
    assert.ok(told.some((tenants) => Array.isArray(tenants) && tenants.includes('kim')));
  });
});

async function started(t: Parameters<typeof assembleRuntimes>[0]) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assembleRuntimes(t, store);
  await inside.start();
  await until('everyone has an offer', async () => {
    const offers = await Promise.all(inside.directory.names().map((name) => runtimeOffer(inside, name)));
    return offers.every((offer) => offer !== undefined);
  });
  return inside;
}

test('a build that fails is told once, tried again later, and at once when something else is wanted', async (t) => {
  const inside = await started(t);
  const { builder, wishes, clock, reasons } = inside;
  builder.failure = offline();
  await wishes.pin({ kind: 'tenant', name: 'jente' }, '2026.9.5', false, admin, unchecked);
  await until('it is told', async () => (await reasons('jente')).includes('RuntimeNotBuilt'));
  const asked = builder.asked.length;
  await until('it waits', () => clock.sleeping > 1);
  clock.advance(2_000);
  await until('it was tried again', () => builder.asked.length > asked);
  assert.deepEqual(await reasons('jente'), ['RuntimeNotBuilt'], 'once');
  builder.failure = undefined;
  await wishes.pin({ kind: 'tenant', name: 'jente' }, '2026.9.4', false, admin, unchecked);
  await until('the other version is built', () => builder.asked.at(-1) === '2026.9.4');
  await until('it is offered', async () => (await runtimeOffer(inside)) !== undefined);
});

const damages: readonly { reason: string; damage: (file: string, bytes: number) => Promise<void> }[] = [
  { reason: 'removed', damage: (file) => rm(file) },
  { reason: 'cut short', damage: (file, bytes) => truncate(file, bytes - 1) },
  { reason: 'of the same length and another content', damage: (file, bytes) => writeFile(file, 'x'.repeat(bytes)) },
];
for (const { reason, damage } of damages) {
  test(`a bundle that is wanted and was ${reason} is noticed and built again`, async (t) => {
    const { catalogue, blobs, file, clock, reasons } = await started(t);
    const [built] = await catalogue.list();
    assert.ok(built);
    await damage(file(built.digest), built.bytes);
    await until('the loop rests', () => clock.sleeping > 0);
    clock.advance(60_000);
    await until('it is told', async () => (await reasons('')).includes('BundleRebuilt'));
    assert.equal(await blobs.isWhole(built.digest, built.bytes), true);
  });

  test(`an agent that reads a bundle that was ${reason} is told to wait, and it is built again`, async (t) => {
    const { catalogue, bundles, file, blobs } = await started(t);
    const [built] = await catalogue.list();
    assert.ok(built);
    await damage(file(built.digest), built.bytes);
    const read = async () =>
      Buffer.concat(await Array.fromAsync((await bundles.open('jente', built.digest, 0)).chunks));
    await assert.rejects(read(), { code: 'unavailable', reason: 'blob_lost' });
    await until('it is whole again', () => blobs.isWhole(built.digest, built.bytes));
    assert.equal(String(await read()), 'bundle of 2026.9.6');
  });
}

test('a version that is built again and is another bundle is offered as that', async (t) => {
  const inside = await started(t);
  const { catalogue, builder, file, clock } = inside;
  const [built] = await catalogue.list();
  assert.ok(built);
  const before = await runtimeOffer(inside);
  builder.content = 'another bundle';
  await rm(file(built.digest));
  await until('the loop rests', () => clock.sleeping > 0);
  clock.advance(60_000);
  await until('another one is offered', async () => (await runtimeOffer(inside))?.digest !== before?.digest);
});

test('a bundle that nobody wants is not built again by itself', async (t) => {
  const { catalogue, builder, file, clock, reasons, preparer } = await started(t);
  const unwanted = await builder.ensure('2026.9.4');
  const asked = builder.asked.length;
  await rm(file(unwanted.digest));
  const [wanted] = (await catalogue.list()).filter(({ version }) => version === '2026.9.6');
  assert.ok(wanted);
  await rm(file(wanted.digest));
  await until('the loop rests', () => clock.sleeping > 0);
  preparer.look();
  await until('the other one is back', async () => (await reasons('')).includes('BundleRebuilt'));
  assert.deepEqual(builder.asked.slice(asked), ['2026.9.6']);
});
