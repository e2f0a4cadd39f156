import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { CapturedDatabase, DatabasePosition } from '../snapshot/database-source.ts';
import { Connection, openCapture, Replica, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
const capture = await openCapture(folder.path);
after(async () => {
  await capture.close();
  folder.remove();
});
let count = 0;

/** A database, a connection to it, and the copy that its captures make. */
async function captured(setup: string) {
  count += 1;
  const path = join(folder.path, `${count}.sqlite`);
  const database = new Connection(path);
  await database.run(setup);
  const replica = new Replica(`${path}.copy`);
  let since: DatabasePosition | undefined;
  const take = async () => {
    const one = await capture.capture(path, since);
    assert.ok(one);
    return one;
  };
  return {
    path,
    database,
    replica,
    take,
    /** Captures, applies and stores; gives how it went. */
    async store(one?: CapturedDatabase) {
      const taken = one ?? (await take());
      const before = replica.counts.pages;
      await replica.apply(taken);
      since = taken.position;
      return { whole: taken.whole, pages: replica.counts.pages - before };
    },
    /** What the copy says. */
    ask(sql: string): unknown {
      const copy = replica.open();
      try {
        assert.equal(copy.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
        return Object.values(copy.prepare(sql).get() ?? {})[0];
      } finally {
        copy.close();
      }
    },
    async end() {
      replica.close();
      await database.kill();
      await capture.forget(path);
    },
  };
}

const wal =
  'PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB); INSERT INTO t (body) VALUES (1)';
const rollback = 'CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB); INSERT INTO t (body) VALUES (1)';
const rows = 'SELECT count(*) FROM t';

/** Rows of so many bytes in all. */
function fill(megabytes: number): string {
  return `INSERT INTO t (body) SELECT randomblob(100000) FROM
    (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${megabytes * 10}) SELECT i FROM n)`;
}

for (const { reason, content } of [
  { reason: 'an empty file', content: '' },
  {
    reason: 'a text',
    content: 'a text that is longer than the header of a database would be, so it is not cut short'.repeat(9),
  },
  { reason: 'a file that only begins like a database', content: `SQLite format 3\0${'x'.repeat(9000)}` },
  {
    reason: 'a file with the header of a database and nothing of one behind it',
    content: `SQLite format 3\0\x10\0\x01\x01\0@  ${'x'.repeat(9000)}`,
  },
]) {
  test(`${reason} is no database`, async () => {
    const path = join(folder.path, 'file');
    writeFileSync(path, content, 'latin1');
    assert.equal(await capture.capture(path, undefined), undefined);
  });
}

test('there is none where there is no file, or not any more', async () => {
  assert.equal(await capture.capture(join(folder.path, 'absent'), undefined), undefined);
  const { path, database, store, take, end } = await captured(wal);
  await store();
  await database.close();
  rmSync(path);
  await assert.rejects(take, assert.AssertionError);
  await end();
});

test('WAL mode: whole at first, then what changed, then nothing', async () => {
  const { database, store, ask, end } = await captured(`${wal}; ${fill(1)}`);
  assert.equal((await store()).whole, true);
  await database.run('INSERT INTO t (body) VALUES (2)');
  const { whole, pages } = await store();
  assert.ok(!whole && pages > 0 && pages < 10, `${pages} pages`);
  assert.equal(ask(rows), 12);
  assert.deepEqual(await store(), { whole: false, pages: 0 });
  await end();
});

test('what a capture that was not stored had comes again', async () => {
  const { database, store, take, ask, end } = await captured(wal);
  await store();
  await database.run('INSERT INTO t (body) VALUES (2)');
  await (await take()).release(false);
  await database.run('CREATE TABLE u (x)');
  await (await take()).release(false);
  assert.equal((await store()).whole, false);
  assert.equal(ask(rows), 2);
  assert.equal(ask('SELECT count(*) FROM u'), 0);
  await end();
});

test('a large database is one point in time, however it is written while it is read', async () => {
  const { database, store, take, ask, end } = await captured(`${wal}; ${fill(6)}`);
  const one = await take();
  await database.run(`UPDATE t SET body = 3; ${fill(1)}`);
  await database.run('PRAGMA wal_checkpoint(PASSIVE)');
  await database.run('DELETE FROM t WHERE id > 20');
  await store(one);
  assert.equal(ask(rows), 61);
  assert.equal(ask('SELECT count(*) FROM t WHERE body = 3'), 0);
  await store();
  assert.equal(ask(rows), 20);
  await database.run('PRAGMA busy_timeout = 0');
  const [result] = await database.run('PRAGMA wal_checkpoint(TRUNCATE)');
  assert.equal(result?.['busy'], 0, 'nothing of it is held any more');
  await end();
});

test('a restart of the WAL while a large database is read changes nothing', async () => {
  const { database, store, take, ask, end } = await captured(`${wal}; PRAGMA journal_size_limit = 0; ${fill(6)}`);
  await database.run('PRAGMA wal_checkpoint(PASSIVE)'); // all frames are in the file: the pin will not keep the WAL
  const one = await take();
  await database.run('UPDATE t SET body = 3');
  await store(one);
  assert.equal(ask(rows), 61);
  assert.equal(ask('SELECT count(*) FROM t WHERE body = 3'), 0);
  await store();
  assert.equal(ask('SELECT count(*) FROM t WHERE body = 3'), 61);
  await end();
});

test('a large transaction comes as a large partial capture', async () => {
  const { database, store, ask, end } = await captured(wal);
  await store();
  await database.run(fill(6));
  const { whole, pages } = await store();
  assert.ok(!whole && pages * 4096 > 6_000_000);
  assert.equal(ask(rows), 61);
  await end();
});

test('a database that shrinks and grows is as large as it is', async () => {
  const { database, store, ask, end } = await captured(`${wal}; PRAGMA wal_autocheckpoint = 0; ${fill(2)}`);
  await store();
  await database.run('DELETE FROM t WHERE id > 5; VACUUM');
  assert.equal((await store()).whole, false);
  assert.equal(ask(rows), 5);
  await database.run('DELETE FROM t; VACUUM');
  await database.run(fill(1));
  assert.equal((await store()).whole, false);
  assert.equal(ask(rows), 10);
  await end();
});

test('another page size makes it whole', async () => {
  const { database, store, ask, end } = await captured(wal);
  await store();
  await database.run('PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL');
  assert.equal((await store()).whole, true);
  assert.equal(ask('PRAGMA page_size'), 8192);
  await end();
});

test('another file at its path is another database', async () => {
  const { path, database, replica, store, ask, end } = await captured(wal);
  await store();
  await database.close();
  copyFileSync(path, `${path}.other`);
  const other = new Connection(`${path}.other`);
  await other.run('INSERT INTO t (body) VALUES (5), (6)');
  await other.close();
  renameSync(`${path}.other`, path);
  assert.equal((await store()).whole, true);
  assert.equal(ask(rows), 3);
  assert.ok(replica.counts.whole === 2);
  await end();
});

test('a closed database is whole once, then unchanged, and nothing is left beside it', async () => {
  const { path, database, store, ask, end } = await captured(wal);
  await database.close();
  assert.equal((await store()).whole, true);
  assert.deepEqual(await store(), { whole: false, pages: 0 });
  assert.equal(ask(rows), 1);
  assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-shm`));
  const again = new Connection(path);
  await again.run('INSERT INTO t (body) VALUES (2)');
  assert.equal((await store()).whole, false, 'opened again, it goes on');
  assert.equal(ask(rows), 2);
  await again.kill();
  await end();
});

test('a database whose writer was killed is read with its WAL', async () => {
  const { path, database, store, ask, end } = await captured(wal);
  await store();
  await database.run('INSERT INTO t (body) VALUES (2)');
  await database.kill();
  rmSync(`${path}-shm`);
  assert.equal((await store()).whole, false);
  assert.equal(ask(rows), 2);
  await end();
});

test('rollback mode: whole whenever it changed, and nothing when it did not', async () => {
  const { database, store, ask, end } = await captured(rollback);
  assert.equal((await store()).whole, true);
  assert.deepEqual(await store(), { whole: false, pages: 0 });
  await database.run('INSERT INTO t (body) VALUES (2)');
  assert.equal((await store()).whole, true);
  assert.equal(ask(rows), 2);
  await end();
});

test('rollback mode: a large database does not keep its writer waiting while it is read', async () => {
  const { database, store, take, ask, end } = await captured(`${rollback}; ${fill(6)}; PRAGMA busy_timeout = 0`);
  const one = await take();
  await database.run('DELETE FROM t');
  await store(one);
  assert.equal(ask(rows), 61);
  assert.deepEqual(readdirSync(join(folder.path, 'copies')), []);
  await end();
});

for (const [mode, setup] of Object.entries({ rollback, wal })) {
  for (const length of [5, 70 * 1024 ** 3]) {
    test(`what lies behind the last page of a database is not read (${mode}, ${length} bytes more)`, async () => {
      const { path, database, store, ask, end } = await captured(`${setup}; ${fill(6)}`);
      await database.close();
      truncateSync(path, statSync(path).size + length);
      const { pages } = await store();
      assert.ok(pages > 1400 && pages < 2000, `${pages} pages`);
      assert.equal(ask(rows), 61);
      await end();
    });
  }
}

test('from rollback mode to WAL and back', async () => {
  const { database, store, ask, end } = await captured(rollback);
  await store();
  for (const [at, mode] of ['WAL', 'DELETE', 'WAL'].entries()) {
    await database.run(`PRAGMA journal_mode = ${mode}`);
    await database.run('INSERT INTO t (body) VALUES (2)');
    await store();
    assert.equal(ask(rows), at + 2);
  }
  await end();
});

test('a database that lets nobody in is named, and the others are captured', async () => {
  const { path, take, end } = await captured(`PRAGMA locking_mode = EXCLUSIVE; ${wal}`);
  const other = await captured(wal);
  const [refused] = await Promise.allSettled([take(), other.store()]);
  assert.ok(refused.status === 'rejected' && refused.reason instanceof OpenCraneError);
  assert.deepEqual([refused.reason.code, refused.reason.field], ['unavailable', path]);
  assert.equal(other.ask(rows), 1);
  await end();
  await other.end();
});

test('it goes on from a saved position after all was closed', async () => {
  const { path, database, replica, ask, end } = await captured(`${wal}; ${fill(1)}`);
  const first = await openCapture(folder.path);
  const one = await first.capture(path, undefined);
  assert.ok(one);
  await replica.apply(one);
  const since: DatabasePosition = JSON.parse(JSON.stringify(one.position));
  await first.close();
  await database.run('INSERT INTO t (body) VALUES (2)');
  const second = await openCapture(folder.path);
  const next = await second.capture(path, since);
  assert.equal(next?.whole, false);
  await replica.apply(next);
  assert.equal(ask(rows), 12);
  await second.close();
  await end();
});

test('whoever closes all in the middle of a reading ends it with an error, never with a torn copy', async () => {
  const { path, database, end } = await captured(`${wal}; ${fill(6)}`);
  const own = await openCapture(folder.path);
  const one = await own.capture(path, undefined);
  assert.ok(one);
  await assert.rejects(async () => {
    for await (const _ of one.changes()) await own.close();
  }, OpenCraneError);
  await one.release(false);
  await database.run('PRAGMA busy_timeout = 0');
  assert.equal((await database.run('PRAGMA wal_checkpoint(TRUNCATE)'))[0]?.['busy'], 0);
  await end();
});

test('a reading ends with its signal, and what it held is let go of', async () => {
  const { database, take, end } = await captured(`${wal}; ${fill(6)}`);
  const one = await take();
  const stop = new AbortController();
  await assert.rejects(
    async () => {
      for await (const _ of one.changes(stop.signal)) stop.abort();
    },
    { name: 'AbortError' },
  );
  await one.release(false);
  await database.run('PRAGMA busy_timeout = 0');
  assert.equal((await database.run('PRAGMA wal_checkpoint(TRUNCATE)'))[0]?.['busy'], 0);
  await end();
});

test('a second capture before the first is let go of is refused', async () => {
  const { take, end } = await captured(wal);
  const one = await take();
  await assert.rejects(take, { reason: 'capture_not_released' });
  await one.release(true);
  await end();
});

test('nothing of the database’s own is ever written', async () => {
  const { path, database, store, end } = await captured(`${wal}; ${fill(1)}`);
  const files = () => ['', '-wal'].map((suffix) => readFileSync(`${path}${suffix}`));
  const before = files();
  await store();
  await store();
  assert.ok(files().every((bytes, at) => bytes.equals(before[at] ?? Buffer.alloc(0))));
  await database.close();
  await end();
});
