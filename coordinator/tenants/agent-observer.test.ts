import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { HealthSchema, HelloSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import {
  ComponentState,
  Kind,
  ProgressSchema,
  ReceiptSchema,
  ReceiptState,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { Store } from '../store/store.ts';
import { onEachDatabase, silent } from '../store/testing.ts';
import { phaseOfEntry } from './directory.ts';
import { loadDirectory } from './load.ts';
import { assemble } from './testing.ts';

const hello = create(HelloSchema, { tenant: 'jente', agentVersion: '0.1.0' });

function health(state: ComponentState, drift: string[] = []) {
  return create(HealthSchema, { root: { name: 'agent', state }, gatewayPid: 42n, openclawVersion: '2026.9.6', drift });
}

function receipt(receiptId: string, state: ReceiptState) {
  return create(ReceiptSchema, { receiptId, kind: Kind.CONFIG, revision: 3n, state, path: 'a.b', message: 'no' });
}

onEachDatabase((database) => {
  test('from the first word to the last, as events', async (t) => {
    const { observer, directory, addTenant, reasons } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.connected('jente', hello, 's1');
    await observer.health('jente', health(ComponentState.HEALTHY));
    await observer.receipt('jente', receipt('r1', ReceiptState.APPLYING));
    await observer.receipt('jente', receipt('r2', ReceiptState.FAILED));
    await observer.health('jente', health(ComponentState.HEALTHY, ['a.b', 'c']));
    await observer.health('jente', health(ComponentState.HEALTHY, ['c']));
    await observer.health('jente', health(ComponentState.HEALTHY));
    assert.deepEqual(phaseOfEntry(directory.get('jente')), {
      phase: Phase.READY,
      message: 'revision 3 was refused: a.b: no',
    });
    await observer.disconnected('jente', 's1', 'the connection was cut');
    assert.deepEqual(await reasons('jente'), [
      'AgentConnected',
      'TenantStarting',
      'TenantReady',
      'ConfigApplying',
      'ConfigFailed',
      'DriftFound',
      'DriftGone',
      'AgentDisconnected',
      'TenantDisconnected',
    ]);
  });

  test('what a full disk does not take is known at once, and stored with the next heartbeat', async (t) => {
    const { observer, store, directory, addTenant, reasons } = await assemble(await database.store(t));
    await addTenant('jente');
    const full = new OpenCraneError('resource_exhausted', 'disk_full', 'writing to the database: the disk is full');
    const transaction = t.mock.method(store, 'transaction', async () => Promise.reject(full));
    await observer.connected('jente', hello, 's1');
    await observer.health('jente', health(ComponentState.HEALTHY));
    observer.heartbeat('jente');
    assert.equal(phaseOfEntry(directory.get('jente')).phase, Phase.READY);
    assert.deepEqual(await reasons('jente'), []);
    await assert.rejects(observer.receipt('jente', receipt('r1', ReceiptState.APPLIED)), { reason: 'disk_full' });
    transaction.mock.restore();
    await setImmediate(); // the heartbeat above has ended
    observer.heartbeat('jente');
    await observer.receipt('jente', receipt('r1', ReceiptState.APPLIED)); // commits come in their order
    assert.deepEqual(await reasons('jente'), ['AgentConnected', 'TenantStarting', 'TenantReady', 'ConfigApplied']);
  });

  test('a receipt that comes twice is kept once and is news once', async (t) => {
    const { observer, receipts, addTenant, reasons } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.receipt('jente', receipt('r1', ReceiptState.APPLIED));
    await Promise.all([1, 2, 3].map(() => observer.receipt('jente', receipt('r1', ReceiptState.APPLIED))));
    assert.equal((await receipts.list('jente', Kind.CONFIG, 10)).length, 1);
    assert.deepEqual(await reasons('jente'), ['ConfigApplied']);
  });

  test('a refusal names the layer that says so, unless the layers are others by now', async (t) => {
    const { observer, receipts, store, revisions, addTenant } = await assemble(await database.store(t));
    await addTenant('jente', 'research');
    const scope = { kind: 'team', name: 'research' } as const;
    const write = (payload: JsonObject) =>
      store.transaction((change) =>
        revisions.append(change, { scope, kind: 'config', payload, actor: 'a', reason: '' }),
      );
    const { number } = await write({ a: { b: 1 } });
    const refused = { ...receipt('r1', ReceiptState.FAILED), revision: BigInt(number) };
    await observer.receipt('jente', refused);
    await write({ a: { c: 1 } });
    await observer.receipt('jente', { ...refused, receiptId: 'r2' });
    const kept = await receipts.list('jente', Kind.CONFIG, 10);
    assert.deepEqual(
      kept.map(({ message }) => message),
      ['no', `no (set by team/research, revision ${number})`],
    );
  });

  test('a refusal names its path once, whether or not the words do', async (t) => {
    const { observer, directory, events, addTenant } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.connected('jente', hello, 's1');
    await observer.health('jente', health(ComponentState.HEALTHY));
    for (const [message, line] of [
      ['expected a number', 'gateway.port: expected a number'],
      ['gateway.port: expected a number', 'gateway.port: expected a number'],
      ['invalid config at gateway.port', 'invalid config at gateway.port'],
    ] as const) {
      const refused = { ...receipt(line + message, ReceiptState.FAILED), path: 'gateway.port', message };
      await observer.receipt('jente', refused);
      assert.equal(phaseOfEntry(directory.get('jente')).message, `revision 3 was refused: ${line}`);
      const { signal } = new AbortController();
      const followed = await Array.fromAsync(events.follow({ tenant: 'jente', afterId: 0, follow: false }, signal));
      const last = followed.at(-1);
      assert.equal(last && 'kept' in last && last.kept.message, `revision 3 was refused: ${line}`);
    }
  });

  test('what an unchanged report costs is nothing', async (t) => {
    const { observer, store, clock, directory, addTenant } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.health('jente', health(ComponentState.HEALTHY));
    const kept = () => store.db.selectFrom('observations').selectAll().execute();
    const before = await kept();
    clock.advance(5_000);
    await observer.health('jente', health(ComponentState.HEALTHY));
    observer.heartbeat('jente');
    assert.deepEqual(await kept(), before, 'nothing was written');
    assert.equal(directory.get('jente').observed.lastSeen, 6_000);
  });

  test('only the session that the tenant holds ends its connection', async (t) => {
    const { observer, directory, addTenant } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.connected('jente', hello, 's1');
    await observer.connected('jente', hello, 's2');
    await observer.disconnected('jente', 's1', 'replaced');
    assert.equal(directory.get('jente').observed.session, 's2');
    await observer.disconnected('jente', 's2', 'cut');
    assert.equal(directory.get('jente').observed.session, '');
  });

  test('a restarted coordinator shows what was known last, as disconnected', async (t) => {
    const { observer, tenants, receipts, addTenant } = await assemble(await database.store(t));
    await addTenant('jente');
    await observer.connected('jente', hello, 's1');
    await observer.health('jente', health(ComponentState.HEALTHY, ['x']));
    await observer.receipt('jente', receipt('r1', ReceiptState.FAILED));
    await observer.receipt('jente', receipt('r2', ReceiptState.APPLIED));
    const entry = (await loadDirectory(tenants, receipts)).get('jente');
    assert.equal(phaseOfEntry(entry).phase, Phase.DISCONNECTED);
    assert.equal(entry.observed.health?.gatewayPid, 42n);
    assert.deepEqual(entry.observed.health?.drift, ['x']);
    assert.equal(entry.observed.receipts.get(Kind.CONFIG)?.receiptId, 'r2');
    assert.equal(entry.observed.lastSeen, 1_000);
  });

  test('agents of tenants that are gone are told so, and leave nothing', async (t) => {
    const { observer, store, directory, addTenant } = await assemble(await database.store(t));
    await assert.rejects(observer.connected('nobody', hello, 's1'), { reason: 'tenant_not_found' });
    await assert.rejects(observer.receipt('nobody', receipt('r1', ReceiptState.APPLIED)), { code: 'not_found' });
    await observer.disconnected('nobody', 's1', 'cut');
    observer.heartbeat('nobody');
    await addTenant('jente');
    await store.db.deleteFrom('tenants').execute(); // deleted while a receipt was on its way to the database
    await observer.receipt('jente', receipt('r1', ReceiptState.APPLIED));
    await observer.health('jente', health(ComponentState.HEALTHY));
    for (const table of ['receipts', 'observations', 'events'] as const) {
      assert.deepEqual(await store.db.selectFrom(table).selectAll().execute(), []);
    }
    assert.equal(directory.find('nobody'), undefined);
  });
});

test('progress stands while something is under way and goes when it ends', async (t) => {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const { observer, directory, addTenant } = await assemble(store);
  await addTenant('jente');
  observer.progress('jente', create(ProgressSchema, { step: 'download', doneBytes: 5n }));
  assert.equal(directory.get('jente').observed.progress?.step, 'download');
  observer.progress('jente', create(ProgressSchema, { step: 'ready', finished: true }));
  assert.equal(directory.get('jente').observed.progress, undefined);
  assert.equal((await observer.runtimeRequest('jente', '2026.9.5')).version, '2026.9.5');
});
