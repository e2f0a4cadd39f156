import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, equals } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { Kind, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { onEachDatabase } from '../store/testing.ts';
import { ReceiptStore } from './receipt-store.ts';

function receipt(receiptId: string, kind: Kind = Kind.CONFIG, revision = 1n) {
  return create(ReceiptSchema, { receiptId, kind, revision, state: ReceiptState.FAILED, message: 'naïve "words"\n' });
}

onEachDatabase((database) => {
  test('every attempt is kept, each receipt once, per tenant', async (t) => {
    const store = await database.store(t);
    const receipts = new ReceiptStore(store, new ManualClock());
    const keep = (tenant: string, one: ReturnType<typeof receipt>) =>
      store.transaction((change) => receipts.keep(change, tenant, one));
    const large = receipt('b', Kind.CONFIG, 9007199254740993n);
    assert.equal(await keep('jente', receipt('a')), true);
    assert.equal(await keep('jente', large), true);
    assert.equal(await keep('jente', receipt('a')), false, 'sent again after a cut');
    assert.equal(await keep('other', receipt('a')), true, 'an id is unique within a tenant only');
    assert.equal(await keep('jente', receipt('c', Kind.RUNTIME)), true);
    const list = await receipts.list('jente', Kind.CONFIG, 10);
    assert.deepEqual(
      list.map(({ receiptId }) => receiptId),
      ['b', 'a'],
    );
    assert.ok(list[0] && equals(ReceiptSchema, list[0], large), 'comes back as it was written');
    assert.equal((await receipts.list('jente', Kind.CONFIG, 1)).length, 1);
    const newest = await receipts.newestOfEveryTenant();
    assert.deepEqual(
      newest.map(({ tenant, receipt: { receiptId } }) => `${tenant} ${receiptId}`),
      ['jente b', 'other a', 'jente c'],
    );
  });

  test('receipts from before a time go, but never the newest of a tenant and kind', async (t) => {
    const store = await database.store(t);
    const clock = new ManualClock(1_000);
    const receipts = new ReceiptStore(store, clock);
    const keep = (tenant: string, one: ReturnType<typeof receipt>) =>
      store.transaction((change) => receipts.keep(change, tenant, one));
    for (const id of ['a', 'b', 'c']) await keep('jente', receipt(id));
    await keep('jente', receipt('r', Kind.RUNTIME));
    await keep('other', receipt('a'));
    clock.advance(1_000);
    await keep('jente', receipt('d'));
    assert.equal(await receipts.prune(2_000, 2), 2);
    assert.equal(await receipts.prune(2_000, 2), 1);
    assert.equal(await receipts.prune(9_000, 2), 0);
    const kept = await Promise.all([
      receipts.list('jente', Kind.CONFIG, 10),
      receipts.list('jente', Kind.RUNTIME, 10),
      receipts.list('other', Kind.CONFIG, 10),
    ]);
    assert.deepEqual(
      kept.map((list) => list.map(({ receiptId }) => receiptId)),
      [['d'], ['r'], ['a']],
    );
  });

  test('receipts of a deleted tenant are gone, those of others are not', async (t) => {
    const store = await database.store(t);
    const receipts = new ReceiptStore(store, new ManualClock());
    for (const tenant of ['jente', 'other']) {
      await store.transaction((change) => receipts.keep(change, tenant, receipt('a')));
    }
    await store.transaction((change) => receipts.removeTenant(change, 'jente'));
    assert.deepEqual(await receipts.list('jente', Kind.CONFIG, 10), []);
    assert.equal((await receipts.list('other', Kind.CONFIG, 10)).length, 1);
  });
});
