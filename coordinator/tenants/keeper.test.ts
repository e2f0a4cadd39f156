import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { HealthSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ComponentState, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { type Database, onEachDatabase } from '../store/testing.ts';
import { phaseOfEntry } from './directory.ts';
import { assemble } from './testing.ts';

const { STARTING } = ComponentState;

onEachDatabase((database: Database) => {
  const start = async (t: TestContext) => assemble(await database.store(t));

  test('a start takes up every tenant where it was left', async (t) => {
    const inside = await start(t);
    await inside.addTenant('jente');
    await inside.addTenant('noor', '', 'delete');
    await inside.store.transaction((change) => inside.tenants.markDeleting(change, 'noor'));
    const restarted = await assemble(inside.store); // killed after the delete was asked for
    restarted.keeper.start();
    await restarted.keeper.stop();
    assert.deepEqual(restarted.platform.asked.toSorted(), ['ensure jente', 'remove noor delete']);
    assert.deepEqual(restarted.directory.names(), ['jente']);
    assert.deepEqual(await restarted.reasons('noor'), ['TenantDeleted']);
  });

  test('a tenant that cannot be started is tried again, and says why meanwhile', async (t) => {
    const { keeper, platform, directory, clock, addTenant } = await start(t);
    await addTenant('jente');
    platform.failEnsure = new Error('no free port');
    keeper.ensure('jente');
    keeper.ensure('jente'); // is being seen to already
    await awaitFact('the keeper rests', () => clock.sleeping === 1, { everyMillis: 0 });
    assert.deepEqual(phaseOfEntry(directory.get('jente')), {
      phase: Phase.DEGRADED,
      message: 'cannot be started: no free port; next try at 00:00:01 UTC',
    });
    platform.failEnsure = undefined;
    clock.advance(30_000);
    await awaitFact(
      'it was asked twice',
      () => platform.asked.length === 2 && directory.get('jente').observed.platformProblem === '',
      { everyMillis: 0 },
    );
    await keeper.stop();
    assert.equal(clock.sleeping, 0);
  });

  test('what is wrong with its programs shows while it is, and goes when it has gone', async (t) => {
    const { keeper, platform, directory, addTenant } = await start(t);
    await addTenant('jente');
    keeper.start();
    platform.troubled('jente', 'its agent exited with code 2', '');
    assert.equal(phaseOfEntry(directory.get('jente')).message, 'its agent exited with code 2');
    directory.observe('jente', { session: 's1', lastSeen: 1 });
    assert.equal(phaseOfEntry(directory.get('jente')).message, '', 'how an agent ended that is here again is over');
    platform.troubled('jente', 'its launcher ended', 'its launcher ended');
    directory.observe('jente', { health: create(HealthSchema, { root: { name: 'agent', state: STARTING } }) });
    assert.equal(phaseOfEntry(directory.get('jente')).message, 'its launcher ended');
    directory.observe('jente', { session: '', lastSeen: 0, health: undefined });
    platform.troubled('jente', '', '');
    assert.equal(phaseOfEntry(directory.get('jente')).message, 'no agent has reported yet');
    platform.troubled('noor', 'a tenant that was removed meanwhile is left alone', '');
    await keeper.stop();
  });

  test('stopping ends the attempts', async (t) => {
    const { keeper, platform, clock, addTenant } = await start(t);
    await addTenant('jente');
    platform.failEnsure = new Error('no free port');
    keeper.ensure('jente');
    await awaitFact('the keeper rests', () => clock.sleeping === 1, { everyMillis: 0 });
    await keeper.stop();
    assert.equal(clock.sleeping, 0);
    assert.equal(platform.asked.length, 1);
  });

  test('a delete that fails says why, and is gone on with when it is asked for again', async (t) => {
    const { keeper, platform, directory, addTenant, reasons } = await start(t);
    await addTenant('jente', '', 'delete');
    directory.markDeleting('jente');
    platform.failRemove = new Error('gs://acme-jente does not answer');
    await assert.rejects(keeper.remove('jente'), { message: 'gs://acme-jente does not answer' });
    assert.deepEqual(phaseOfEntry(directory.get('jente')), {
      phase: Phase.DELETING,
      message:
        'cannot be deleted: gs://acme-jente does not answer; delete it again to go on, or restart the coordinator',
    });
    platform.failRemove = undefined;
    await keeper.remove('jente');
    assert.deepEqual(directory.names(), []);
    assert.deepEqual(await reasons('jente'), ['TenantDeleted']);
  });

  test('a delete that is under way is told that the coordinator stops', async (t) => {
    const { keeper, platform, directory, addTenant } = await start(t);
    await addTenant('jente', '', 'delete');
    directory.markDeleting('jente');
    const hold = Promise.withResolvers<void>();
    platform.holdRemove = hold.promise;
    const removal = assert.rejects(keeper.remove('jente'), { name: 'AbortError' });
    const stopped = keeper.stop();
    hold.resolve();
    await Promise.all([removal, stopped]);
    assert.deepEqual(directory.names(), ['jente'], 'the next start goes on');
  });

  test('a delete leaves nothing but the audit log, the last event and what others have', async (t) => {
    const { keeper, store, directory, observer, revisions, givenUp, audit, addTenant, reasons } = await start(t);
    for (const tenant of ['jente', 'noor']) {
      await addTenant(tenant);
      await observer.health(tenant, create(HealthSchema, { gatewayPid: 1n }));
      await observer.receipt(tenant, create(ReceiptSchema, { receiptId: 'r' }));
      await store.transaction(async (change) => {
        await revisions.append(change, {
          scope: { kind: 'tenant', name: tenant },
          kind: 'config',
          payload: {},
          actor: 'a',
          reason: '',
        });
        await givenUp.giveUp(change, tenant, { epoch: 1, serial: 2 });
        await audit.record(change, { actor: 'a', action: 'x', target: `tenant/${tenant}`, summary: '' });
      });
    }
    directory.markDeleting('jente');
    assert.deepEqual(await keeper.remove('jente'), {
      retainedAt: 'retained/jente',
      retainedBucket: 'gs://jente',
      retainedKey: 'retained/jente/key',
    });
    for (const table of ['tenants', 'observations', 'receipts', 'revisions', 'given_up'] as const) {
      const rows = JSON.stringify(await store.db.selectFrom(table).selectAll().execute());
      assert.doesNotMatch(rows, /jente/, table);
      assert.match(rows, /noor/, table);
    }
    assert.deepEqual(await reasons('jente'), ['TenantDeleted']);
    assert.equal((await audit.list({ target: 'tenant/jente', beforeId: 0, limit: 10 })).length, 1);
    assert.deepEqual(directory.names(), ['noor']);
  });

  test('two who ask for a delete share one removal, which waits for a start that is under way', async (t) => {
    const { keeper, platform, directory, addTenant } = await start(t);
    await addTenant('jente', '', 'delete');
    directory.markDeleting('jente');
    keeper.ensure('jente');
    const removals = await Promise.all([keeper.remove('jente'), keeper.remove('jente')]);
    const nothing = { retainedAt: '', retainedBucket: '', retainedKey: '' };
    assert.deepEqual(removals, [nothing, nothing]);
    assert.deepEqual(platform.asked, ['ensure jente', 'remove jente delete']);
  });
});
