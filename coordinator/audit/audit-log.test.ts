import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { onEachDatabase } from '../store/testing.ts';
import { AuditLog } from './audit-log.ts';

const entry = { actor: 'admin', action: 'config.update', target: 'tenant/jente', summary: 'set a' };

onEachDatabase((database) => {
  test('an entry is there exactly when its change is', async (t) => {
    const store = await database.store(t);
    const log = new AuditLog(store, new ManualClock(5));
    await store.transaction((change) => log.record(change, { ...entry, revision: 3 }));
    const failing = store.transaction(async (change) => {
      await log.record(change, entry);
      throw new Error('on purpose');
    });
    await assert.rejects(failing);
    assert.deepEqual(await log.list({ target: '', beforeId: 0, limit: 10 }), [{ id: 1, at: 5, ...entry, revision: 3 }]);
  });

  test('entries are listed newest first, by target and page', async (t) => {
    const store = await database.store(t);
    const log = new AuditLog(store, new ManualClock());
    for (const target of ['organisation', 'tenant/jente', 'organisation', 'tenant/jente']) {
      await store.transaction((change) => log.record(change, { ...entry, target }));
    }
    const ids = async (filter: { target: string; beforeId: number; limit: number }) =>
      (await log.list(filter)).map(({ id }) => id);
    assert.deepEqual(await ids({ target: '', beforeId: 0, limit: 3 }), [4, 3, 2]);
    assert.deepEqual(await ids({ target: '', beforeId: 2, limit: 3 }), [1]);
    assert.deepEqual(await ids({ target: 'organisation', beforeId: 0, limit: 3 }), [3, 1]);
  });
});
