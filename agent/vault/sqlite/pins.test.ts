import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock, systemClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { PinProcess } from './pin-process.ts';
import { Pins } from './pins.ts';
import { Connection, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
const pins = new Pins(systemClock);
after(async () => {
  await pins.close();
  folder.remove();
});

async function walDatabase(name: string) {
  const path = join(folder.path, name);
  const database = new Connection(path);
  await database.run(
    'PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0; CREATE TABLE t (x); INSERT INTO t VALUES (1)',
  );
  return { path, database };
}

/** Whether a TRUNCATE checkpoint gets through at once: it needs all readers gone. */
async function canTruncate(database: Connection): Promise<boolean> {
  return (await database.run('PRAGMA wal_checkpoint(TRUNCATE)'))[0]?.['busy'] === 0;
}

test('while a pin is held frames stay; when it is let go of they don’t have to', async () => {
  const { path, database } = await walDatabase('held.sqlite');
  const pin = await pins.take(path);
  assert.equal(pin?.journal, 'wal');
  await database.run('INSERT INTO t VALUES (2)');
  assert.equal(await canTruncate(database), false);
  await pin.check();
  await pin.release();
  await pin.release();
  assert.equal(pin.held, false);
  assert.equal(await canTruncate(database), true);
  await database.close();
});

test('opening and closing the file in this process takes no pin away', async () => {
  const { path, database } = await walDatabase('opened.sqlite');
  const pin = await pins.take(path);
  await database.run('INSERT INTO t VALUES (2)');
  for (const suffix of ['', '-shm', '-wal']) closeSync(openSync(`${path}${suffix}`, 'r'));
  assert.equal(await canTruncate(database), false);
  await database.close();
  assert.ok(existsSync(`${path}-wal`), 'the writer was not the last connection');
  await pin?.check();
  await pin?.release();
});

test('that is not so for a transaction of this very process, which is why pins have their own', async () => {
  const { path, database } = await walDatabase('own.sqlite');
  const own = new DatabaseSync(path, { readOnly: true });
  own.exec('BEGIN');
  own.prepare('SELECT * FROM t').get();
  await database.run('INSERT INTO t VALUES (2)');
  assert.equal(await canTruncate(database), false);
  closeSync(openSync(`${path}-shm`, 'r'));
  assert.equal(await canTruncate(database), true);
  own.close();
  await database.close();
});

test('a pin ends with the process that has it, and its owner is told', async () => {
  const { path, database } = await walDatabase('ended.sqlite');
  const mine = new Pins(systemClock);
  const pin = await mine.take(path);
  await database.run('INSERT INTO t VALUES (2)');
  await mine.close();
  assert.equal(await canTruncate(database), true);
  await assert.rejects(async () => pin?.check(), { reason: 'pin_lost' });
  const next = await mine.take(path);
  await next?.check();
  await assert.rejects(async () => pin?.check(), { reason: 'pin_lost' }, 'another process does not revive it');
  await mine.close();
  await database.close();
});

test('the process ends when nothing was pinned for a while, and comes again', async () => {
  const { path, database } = await walDatabase('resting.sqlite');
  const [clock, own] = [new ManualClock(), new PinProcess()];
  const mine = new Pins(clock, own);
  const [first, second] = await Promise.all([mine.take(path), mine.take(path)]);
  await first?.release();
  clock.advance(60_000);
  await second?.check();
  assert.ok(own.isRunning, 'another pin is held');
  await second?.release();
  clock.advance(4_000);
  const third = await mine.take(path);
  clock.advance(60_000);
  await third?.check();
  assert.ok(own.isRunning, 'it was needed again in time');
  await third?.release();
  clock.advance(5_000);
  await setImmediate();
  assert.ok(!own.isRunning);
  const last = await mine.take(path);
  await last?.check();
  await mine.close();
  await database.close();
});

test('kill -9 of who asked for a pin ends it', async () => {
  const { path, database } = await walDatabase('orphan.sqlite');
  const script = `
    import { Pins } from ${JSON.stringify(new URL('./pins.ts', import.meta.url).href)};
    import { systemClock } from '@opencrane/kit/clock.ts';
    const pin = await new Pins(systemClock).take(${JSON.stringify(path)});
    await new Promise(() => { setInterval(() => {}, 1000); console.log(pin.journal); });`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  await database.run('INSERT INTO t VALUES (2)');
  assert.equal(await canTruncate(database), false);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await database.run('PRAGMA busy_timeout = 10000'); // until its process has noticed
  assert.equal(await canTruncate(database), true);
  await database.close();
});

test('a closed database is pinned without a trace', async () => {
  const { path, database } = await walDatabase('closed.sqlite');
  await database.close();
  const before = readFileSync(path);
  const pin = await pins.take(path);
  assert.equal(pin?.journal, 'wal');
  await pin?.release();
  assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-shm`));
  assert.ok(readFileSync(path).equals(before));
});

test('a WAL that its writer left behind is recovered, but not taken into the file', async () => {
  const { path, database } = await walDatabase('left.sqlite');
  await database.kill();
  const [file, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  const pin = await pins.take(path);
  await pin?.check();
  await pin?.release();
  assert.ok(readFileSync(path).equals(file));
  assert.ok(readFileSync(`${path}-wal`).equals(wal));
});

test('a rollback journal that its writer left behind is rolled back, as its next writer would', async () => {
  const path = join(folder.path, 'journal.sqlite');
  const database = new Connection(path);
  await database.run('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  await database.run(
    'PRAGMA cache_size = 1; BEGIN; UPDATE t SET x = 2; CREATE TABLE u (x); INSERT INTO u VALUES (randomblob(100000))',
  );
  await database.kill();
  assert.ok(existsSync(`${path}-journal`));
  const pin = await pins.take(path);
  assert.equal(pin?.journal, 'delete');
  assert.ok(!existsSync(`${path}-journal`));
  await pin?.release();
});

test('a database that lets nobody in is told to be locked, after some patience', async () => {
  const path = join(folder.path, 'exclusive.sqlite');
  const database = new Connection(path);
  await database.run('PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  await assert.rejects(pins.take(path), (error) => {
    assert.ok(error instanceof OpenCraneError);
    assert.deepEqual([error.code, error.reason, error.field], ['unavailable', 'database_locked', path]);
    return true;
  });
  await database.close();
});

test('a commit that takes a moment is waited for', async () => {
  const path = join(folder.path, 'committing.sqlite');
  const database = new Connection(path);
  await database.run('CREATE TABLE t (x)');
  await database.run('BEGIN EXCLUSIVE');
  const [pin] = await Promise.all([pins.take(path), database.run('COMMIT')]);
  assert.equal(pin?.journal, 'delete');
  await pin?.release();
  await database.close();
});

test('what only begins like a database is none', async () => {
  const path = join(folder.path, 'none.sqlite');
  writeFileSync(path, `SQLite format 3\0${'x'.repeat(5000)}`);
  assert.equal(await pins.take(path), undefined);
});

test('a file that is not there is not made', async () => {
  const path = join(folder.path, 'absent.sqlite');
  await assert.rejects(pins.take(path), { reason: 'database_unreadable' });
  assert.ok(!existsSync(path));
});
