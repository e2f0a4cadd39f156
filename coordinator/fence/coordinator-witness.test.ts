import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Database, onEachDatabase } from '../store/testing.ts';
import { assemble } from '../tenants/testing.ts';
import { type Holding, isLater } from './holding.ts';

const VOUCH_MILLIS = 20_000;

/** The coordinator with a tenant, and its witness. */
async function start(t: TestContext, database: Database) {
  const inside = await assemble(await database.store(t));
  await inside.addTenant('jente');
  const witness = await inside.givenUp.witnessId();
  const holding = (epoch: number, serial: number) => ({ epoch, serial, witness });
  return { ...inside, holding };
}

/** What was given up, and who is vouched for then. */
const cases: readonly {
  reason: string;
  givenUp: readonly [number, number];
  asks: readonly [number, number];
  vouched: boolean;
}[] = [
  { reason: 'the very writing', givenUp: [4, 7], asks: [4, 7], vouched: false },
  { reason: 'an earlier writing of the same holder', givenUp: [4, 7], asks: [4, 6], vouched: false },
  { reason: 'an earlier holder, however often it had written', givenUp: [4, 7], asks: [3, 900], vouched: false },
  {
    reason: 'a holder that has renewed since lives, and nobody took it over',
    givenUp: [4, 7],
    asks: [4, 8],
    vouched: true,
  },
  { reason: 'the next holder', givenUp: [4, 7], asks: [5, 1], vouched: true },
];

onEachDatabase((database) => {
  for (const { reason, givenUp, asks, vouched } of cases) {
    test(`${vouched ? 'vouched for' : 'refused'}: ${reason}`, async (t) => {
      const { witness, holding } = await start(t, database);
      assert.equal(await witness.grant('jente', holding(...givenUp)), true);
      assert.equal(await witness.vouch('jente', holding(...asks), VOUCH_MILLIS), vouched);
    });
  }

  test('what is granted is in the database before the answer, once as an event, and outlives the coordinator', async (t) => {
    const { store, witness, holding, reasons, givenUp } = await start(t, database);
    assert.equal(await witness.grant('jente', holding(4, 7)), true);
    assert.equal(await witness.grant('jente', holding(4, 7)), true, 'a watcher whose answer was lost asks again');
    assert.deepEqual(await givenUp.find('jente'), { epoch: 4, serial: 7 });
    assert.deepEqual(await reasons('jente'), ['TakeOverGranted']);
    const restarted = await assemble(store);
    assert.equal(await restarted.witness.vouch('jente', holding(4, 7), VOUCH_MILLIS), false);
  });

  test('a late grant of something earlier takes nothing back', async (t) => {
    const { witness, holding, givenUp } = await start(t, database);
    await witness.grant('jente', holding(4, 7));
    await Promise.all([witness.grant('jente', holding(3, 900)), witness.grant('jente', holding(4, 2))]);
    assert.deepEqual(await givenUp.find('jente'), { epoch: 4, serial: 7 });
  });

  test('who was vouched for is not given up while that lasts; one that was is forgotten at a restart', async (t) => {
    const { store, clock, witness, holding } = await start(t, database);
    assert.equal(await witness.vouch('jente', holding(4, 7), VOUCH_MILLIS), true);
    clock.advance(VOUCH_MILLIS * 0.75 - 1); // by then an OpenClaw that is not vouched for again is dead
    assert.equal(await witness.grant('jente', holding(4, 7)), false);
    assert.equal(await witness.grant('jente', holding(4, 6)), false, 'by an old record neither');
    assert.equal(await witness.vouch('jente', holding(4, 7), VOUCH_MILLIS), true, 'a refusal gives nothing up');
    clock.advance(VOUCH_MILLIS);
    assert.equal(await witness.grant('jente', holding(4, 7)), true);

    assert.equal(await witness.vouch('jente', holding(5, 8), VOUCH_MILLIS), true);
    const restarted = await assemble(store);
    assert.equal(await restarted.witness.grant('jente', holding(5, 8)), true, 'it was a courtesy');
  });

  test('two that run on copies of one disk are not both vouched for: who has the older writing must look at the bucket', async (t) => {
    const { witness, holding } = await start(t, database);
    assert.equal(await witness.vouch('jente', holding(4, 7), VOUCH_MILLIS), true);
    assert.equal(await witness.vouch('jente', holding(4, 8), VOUCH_MILLIS), true, 'it has renewed');
    assert.equal(await witness.vouch('jente', holding(4, 7), VOUCH_MILLIS), false);
    assert.equal(await witness.vouch('jente', holding(4, 8), VOUCH_MILLIS), true);
  });

  test('tenants have nothing to do with each other', async (t) => {
    const { witness, holding, addTenant } = await start(t, database);
    await addTenant('noor');
    await witness.grant('jente', holding(4, 7));
    assert.equal(await witness.vouch('noor', holding(1, 1), VOUCH_MILLIS), true);
  });

  test('no word about a tenant that does not exist, nor about a lease that names another coordinator', async (t) => {
    const { witness, holding, givenUp } = await start(t, database);
    await assert.rejects(witness.vouch('noor', holding(1, 1), VOUCH_MILLIS), { reason: 'tenant_not_found' });
    await assert.rejects(witness.grant('noor', holding(1, 1)), { reason: 'tenant_not_found' });
    const another = { ...holding(1, 1), witness: 'another database' };
    await assert.rejects(witness.vouch('jente', another, VOUCH_MILLIS), { reason: 'witness_another' });
    await assert.rejects(witness.grant('jente', another), { reason: 'witness_another' });
    assert.equal(await givenUp.find('jente'), undefined);
  });

  test('no two databases are one witness, and each stays the same', async (t) => {
    const [one, other] = [await start(t, database), await start(t, database)];
    const id = await one.givenUp.witnessId();
    assert.notEqual(id, await other.givenUp.witnessId());
    assert.equal(id, await (await assemble(one.store)).givenUp.witnessId());
  });
});

test('holdings have one order', () => {
  const anyHolding: fc.Arbitrary<Holding> = fc.record({ epoch: fc.nat(3), serial: fc.nat(3) });
  fc.assert(
    fc.property(anyHolding, anyHolding, anyHolding, (a, b, c) => {
      const isSame = a.epoch === b.epoch && a.serial === b.serial;
      assert.equal([isLater(a, b), isLater(b, a), isSame].filter(Boolean).length, 1);
      if (isLater(a, b) && isLater(b, c)) assert.ok(isLater(a, c));
    }),
  );
});
