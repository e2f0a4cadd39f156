import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Generated, type Kysely, sql } from 'kysely';
import { GroupCommit } from './group-commit.ts';
import { migrate, migrations } from './migrate.ts';
import { history } from './migrations/0005-history.ts';
import { Store } from './store.ts';
import { onEachDatabase, silent } from './testing.ts';

/** The events before and after they named their receipts. */
type EventsAtBoth = { events: { id: number; receipt: string; receipt_id: Generated<string> } };

onEachDatabase((database) => {
  test('what a failing change wrote is not there, and nobody is told of it', async (t) => {
    const store = await database.store(t);
    const told: string[] = [];
    const failing = store.transaction(async (change) => {
      await change.next('revision');
      change.afterCommit(() => told.push('failed'));
      throw new Error('on purpose');
    });
    await assert.rejects(failing, /on purpose/);
    const number = await store.transaction(async (change) => {
      change.afterCommit(() => told.push('committed'));
      return change.next('revision');
    });
    assert.equal(number, 1, 'the number of the failed change is free again');
    assert.deepEqual(told, ['committed']);
  });

  test('concurrent changes get every number once', async (t) => {
    const store = await database.store(t);
    const numbers = await Promise.all(
      Array.from({ length: 20 }, () => store.transaction((change) => change.next('event'))),
    );
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  test('changes that lock in opposite orders both come through', async (t) => {
    const store = await database.store(t);
    const both = (one: 'audit' | 'event', other: 'audit' | 'event') =>
      store.transaction(async (change) => [await change.next(one), await change.next(other)]);
    await both('audit', 'event');
    await Promise.all([both('audit', 'event'), both('event', 'audit'), both('audit', 'event'), both('event', 'audit')]);
    assert.deepEqual(await both('audit', 'event'), [6, 6]);
  });

  test('reading around a transaction is an error at once, not a deadlock', async (t) => {
    const store = await database.store(t);
    const nested = store.transaction(async () => store.db.selectFrom('tenants').selectAll().execute());
    await assert.rejects(nested, { reason: 'transaction_nested' });
    const twice = store.transaction(async () => store.transaction(async () => 1));
    await assert.rejects(twice, { reason: 'transaction_nested' });
  });

  test('whole numbers up to the largest safe one come back exactly', async (t) => {
    const store = await database.store(t);
    const value = Number.MAX_SAFE_INTEGER;
    await store.db.insertInto('counters').values({ name: 'audit', value }).execute();
    assert.deepEqual(await store.db.selectFrom('counters').selectAll().execute(), [{ name: 'audit', value }]);
  });

  test('a database is opened again with what was written', async (t) => {
    const location = await database.create();
    const before = await Store.open(location, silent);
    await before.transaction((change) => change.next('revision'));
    await before.close();
    const after = await Store.open(location, silent);
    t.after(() => after.close());
    assert.equal(await after.transaction((change) => change.next('revision')), 2);
  });

  test('a newer schema is refused in words and left alone', async () => {
    const location = await database.create();
    const store = await Store.open(location, silent);
    await sql`insert into kysely_migration (name, timestamp) values ('0099-vault', '2027-01-01')`.execute(store.db);
    await store.close();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(Store.open(location, silent), (thrown: unknown) => {
        assert.ok(thrown instanceof OpenCraneError);
        assert.equal(thrown.code, 'failed_precondition');
        const newest = Object.keys(migrations).at(-1);
        assert.ok(thrown.message.endsWith(`has schema 0099-vault; this program knows schemas up to ${newest}`));
        assert.doesNotMatch(thrown.message, /:[^ ]*@/, 'no password in the message');
        assert.match(thrown.mend, /newer OpenCrane/);
        return true;
      });
    }
  });

  test('a migration that fails leaves nothing of itself behind', async (t) => {
    const store = await database.store(t);
    const halfway = {
      async up(db: Kysely<unknown>) {
        await db.schema.createTable('halfway').addColumn('id', 'integer').execute();
        throw new Error('on purpose');
      },
    };
    const done = Object.keys(migrations).map((name) => [name, halfway] as const);
    const known = { ...Object.fromEntries(done), '0099-halfway': halfway };
    await assert.rejects(migrate(store.db, 'the test database', known), { reason: 'migration_failed' });
    const tables = await store.db.introspection.getTables();
    assert.ok(!tables.some(({ name }) => name === 'halfway'));
    assert.ok(tables.some(({ name }) => name === 'tenants'));
  });

  test('events from before they named their receipts keep them', async (t) => {
    const store = await database.store(t);
    const db = store.db as unknown as Kysely<EventsAtBoth>;
    // As it was before: the two indexes and the column are taken back, and the events have receipts in them.
    for (const index of ['events_by_time', 'receipts_by_time']) await db.schema.dropIndex(index).execute();
    await db.schema.alterTable('events').dropColumn('receipt_id').execute();
    await db.schema
      .alterTable('events')
      .addColumn('receipt', 'text', (of) => of.notNull().defaultTo(''))
      .execute();
    const facts = { at: 1, tenant: 'jente', reason: 'R', message: 'm' };
    const rows = Array.from({ length: 1_001 }, (_, id) => ({
      ...facts,
      id,
      receipt: id % 2 === 0 ? '' : JSON.stringify({ receiptId: `r${id}`, kind: 'KIND_CONFIG' }),
    }));
    for (let at = 0; at < rows.length; at += 100) {
      await db
        .insertInto('events')
        .values(rows.slice(at, at + 100))
        .execute();
    }
    await history.up(store.db);
    const events = await db.selectFrom('events').selectAll().orderBy('id').execute();
    assert.deepEqual(
      events.map((event) => event.receipt_id),
      rows.map(({ id }) => (id % 2 === 0 ? '' : `r${id}`)),
    );
    assert.ok(!events.some((event) => 'receipt' in event));
  });

  test('group commit: one that fails does not take the others with it', async (t) => {
    const store = await database.store(t);
    const group = new GroupCommit(store);
    const results = await Promise.allSettled([
      group.commit((change) => change.next('receipt')),
      group.commit(async () => Promise.reject(new Error('on purpose'))),
      group.commit((change) => change.next('receipt')),
    ]);
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
      [1, 'Error: on purpose', 2],
    );
    await group.idle();
  });

  test('group commit: what waits shares a transaction', async (t) => {
    const store = await database.store(t);
    const group = new GroupCommit(store);
    const transactions = new Set<unknown>();
    await Promise.all(Array.from({ length: 100 }, () => group.commit(async (change) => transactions.add(change.db))));
    assert.equal(transactions.size, 1);
  });
});

test('a file that is no database is called damaged, and nothing stays open', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-store-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'notes.txt');
  writeFileSync(path, 'certainly not a database, but long enough to have had a header'.repeat(4));
  await assert.rejects(Store.open(path, silent), { code: 'data_loss', reason: 'store_damaged' });
});

test('a server that is not there is unavailable', async () => {
  const location = 'postgres://nobody:secret@127.0.0.1:9/none';
  await assert.rejects(Store.open(location, silent), (thrown: unknown) => {
    assert.ok(thrown instanceof OpenCraneError);
    assert.equal(thrown.code, 'unavailable');
    assert.doesNotMatch(thrown.message + thrown.mend, /secret/);
    return true;
  });
});

test('a full disk is said as that, whatever the failing rollback says, and all goes on when there is room', async (t) => {
  const at = mkdtempSync(join(tmpdir(), 'oc-full-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', at]).status !== 0) {
    rmSync(at, { recursive: true });
    return t.skip('mounting a small disk takes root');
  }
  const store = await Store.open(join(at, 'coordinator.sqlite'), silent);
  t.after(async () => {
    await store.close();
    assert.equal(spawnSync('umount', [at]).status, 0);
    rmSync(at, { recursive: true });
  });
  const write = (displayName: string) =>
    store.transaction(async (change) => {
      const number = await change.next('revision');
      const row = { team: '', retention: 'retain', created_at: 1, deleting: 0 } as const;
      await change.db
        .insertInto('tenants')
        .values({ ...row, name: `tenant-${number}`, display_name: displayName })
        .execute();
      return number;
    });
  assert.equal(await write('before'), 1);
  fill(join(at, 'ballast'));
  for (const attempt of ['first', 'second']) {
    await assert.rejects(write('x'.repeat(300_000)), (thrown) => {
      assert.ok(thrown instanceof OpenCraneError, attempt);
      assert.deepEqual([thrown.code, thrown.reason], ['resource_exhausted', 'disk_full']);
      assert.match(thrown.message, /^writing to the database: the disk is full/);
      return true;
    });
  }
  assert.equal((await store.db.selectFrom('tenants').selectAll().execute()).length, 1, 'it is read meanwhile');
  rmSync(join(at, 'ballast'));
  assert.equal(await write('after'), 2);
});

/** Takes all the room there is. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4_096));
  } catch {
    // Full: that was the aim.
  } finally {
    closeSync(file);
  }
}
