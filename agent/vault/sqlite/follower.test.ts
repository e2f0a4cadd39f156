import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { grainMillis } from './files.ts';
import { Follower } from './follower.ts';
import { type Position, parsePosition } from './position.ts';
import { Connection, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;

/** What a follower told since it was last asked. */
class Told {
  lostTimes = 0;
  frames = 0;

  changed(pages: Iterable<number>): void {
    this.frames += [...pages].length;
  }

  lost(): void {
    this.lostTimes += 1;
  }
}

/** A database in WAL mode with a connection of a process of its own, and who follows it. */
async function followed(set = '') {
  count += 1;
  const path = join(folder.path, `${count}.sqlite`);
  const database = new Connection(path);
  await database.run(
    `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; ${set}
     CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB); CREATE TABLE u (x)`,
  );
  const told = new Told();
  const follower = new Follower(path, systemClock, told);
  await follower.look();
  assert.equal(told.lostTimes, 1, 'nothing is known of the time before the first look');
  const add = (rows: number) =>
    Array.from({ length: rows }, () => 'INSERT INTO t (body) VALUES (randomblob(3000))').join(';');
  return {
    path,
    database,
    follower,
    told,
    /** Commits so many transactions of some frames. */
    write: (rows: number) => database.run(add(rows)),
    /** Looks, and tells what was told. */
    async look() {
      [told.lostTimes, told.frames] = [0, 0];
      const look = await follower.look();
      return { look, lost: told.lostTimes > 0, frames: told.frames };
    },
    async end() {
      await follower.close();
      await database.kill();
    },
  };
}

async function frameOf(database: Connection): Promise<number> {
  return Number((await database.run('PRAGMA wal_checkpoint(NOOP)'))[0]?.['log']);
}

test('it tells every frame once, and nothing when nothing was committed', async () => {
  const { database, write, look, end, follower } = await followed();
  const before = await frameOf(database);
  await write(5);
  assert.deepEqual(await look(), { look: 'clear', lost: false, frames: (await frameOf(database)) - before });
  assert.deepEqual(await look(), { look: 'clear', lost: false, frames: 0 });
  await database.run('BEGIN; INSERT INTO t (body) VALUES (1); ROLLBACK');
  assert.deepEqual(await look(), { look: 'clear', lost: false, frames: 0 });
  assert.equal(follower.position?.wal?.frame, await frameOf(database));
  await end();
});

test('a WAL that was restarted once is read to its end, then from its start', async () => {
  const { database, write, look, end } = await followed();
  await write(20);
  await look();
  const seen = await frameOf(database);
  await write(3);
  const missed = (await frameOf(database)) - seen;
  await database.run('PRAGMA wal_checkpoint(RESTART)');
  await write(2);
  const { lost, frames } = await look();
  assert.equal(lost, false);
  assert.equal(frames, missed + (await frameOf(database)));
  await end();
});

const losses: readonly { reason: string; between: readonly string[] }[] = [
  {
    reason: 'the new generation has overwritten what was not read of the old one',
    between: ['PRAGMA wal_checkpoint(RESTART)', 'INSERT INTO t (body) VALUES (randomblob(400000))'],
  },
  {
    reason: 'the WAL was restarted twice',
    between: [
      'PRAGMA wal_checkpoint(RESTART)',
      'INSERT INTO u VALUES (1)',
      'PRAGMA wal_checkpoint(RESTART)',
      'INSERT INTO u VALUES (1)',
    ],
  },
  {
    reason: 'the WAL was cut off',
    between: ['PRAGMA wal_checkpoint(TRUNCATE)'],
  },
  {
    reason: 'the WAL was cut off and is written again',
    between: ['PRAGMA wal_checkpoint(TRUNCATE)', 'INSERT INTO t (body) VALUES (1)'],
  },
  {
    reason: 'the end of the old generation was cut off to keep the WAL small',
    between: [
      'PRAGMA journal_size_limit = 40000; INSERT INTO t (body) VALUES (randomblob(100000))',
      'PRAGMA wal_checkpoint(RESTART)',
      'INSERT INTO u VALUES (1)',
    ],
  },
  {
    reason: 'the database went through another journal mode',
    between: [
      'PRAGMA journal_mode = DELETE',
      'INSERT INTO t (body) VALUES (1)',
      'PRAGMA journal_mode = WAL',
      'INSERT INTO t (body) VALUES (1)',
    ],
  },
];

for (const { reason, between } of losses) {
  test(`the thread is lost, and told so: ${reason}`, async () => {
    const { database, write, look, end, follower } = await followed();
    await write(5);
    await look();
    await write(1);
    for (const sql of between) await database.run(sql);
    assert.equal((await look()).lost, true);
    await write(1);
    const { lost, frames } = await look();
    assert.equal(lost, false, 'and from there it goes on');
    assert.ok(frames > 0);
    assert.equal(follower.position?.wal?.frame, await frameOf(database));
    await end();
  });
}

test('a closed database that nobody wrote is followed on when it is opened again', async () => {
  const { path, database, write, look, end, follower } = await followed();
  await write(3);
  await database.close();
  assert.equal((await look()).lost, true);
  await systemClock.sleep(grainMillis + 10); // the file's times are past
  await look();
  assert.deepEqual(await look(), { look: 'clear', lost: false, frames: 0 });
  const again = new Connection(path);
  await again.run('PRAGMA wal_autocheckpoint = 0; INSERT INTO t (body) VALUES (1)');
  const { lost, frames } = await look();
  assert.deepEqual({ lost, frames }, { lost: false, frames: follower.position?.wal?.frame });
  await again.kill();
  await end();
});

test('a transaction that lies in the WAL but was never committed does not count', async () => {
  const { path, database, write, follower, end } = await followed();
  await write(2);
  const index = readFileSync(`${path}-shm`);
  const counted = await frameOf(database);
  await write(1);
  const killed = join(folder.path, 'killed.sqlite');
  copyFileSync(path, killed);
  copyFileSync(`${path}-wal`, `${killed}-wal`);
  writeFileSync(`${killed}-shm`, index); // as a writer leaves it that dies between its last frame and the index
  const told = new Told();
  const other = new Follower(killed, systemClock, told);
  await other.look();
  assert.equal(other.position?.wal?.frame, counted);
  await follower.look();
  assert.ok((follower.position?.wal?.frame ?? 0) > counted);
  await other.close();
  await end();
});

test('frames of a transaction that is under way are no change, but make the next look urgent', async () => {
  const { database, follower, look, end } = await followed('PRAGMA cache_size = 5;');
  const { written } = follower;
  await database.run(`BEGIN; INSERT INTO t (body) SELECT randomblob(3000) FROM
    (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n)`);
  assert.deepEqual(await look(), { look: 'clear', lost: false, frames: 0 });
  assert.ok(follower.written > written);
  await database.run('ROLLBACK');
  await database.run('INSERT INTO t (body) VALUES (1)');
  const { lost, frames } = await look();
  assert.ok(!lost && frames > 0 && frames < 5);
  await end();
});

test('a WAL that nobody recovered yet is unclear, and no reason to lose the thread', async () => {
  const { path, database, write, look, end } = await followed();
  await write(3);
  await look();
  await write(1);
  await database.kill();
  rmSync(`${path}-shm`);
  assert.deepEqual(await look(), { look: 'unclear', lost: false, frames: 0 });
  const again = new Connection(path);
  await again.run('SELECT count(*) FROM t');
  const { look: seen, lost, frames } = await look();
  assert.ok(seen === 'clear' && !lost && frames > 0);
  await again.kill();
  await end();
});

/** Follows from a position that went through JSON, as after a restart of the agent. */
async function resumed(path: string, since: Position | undefined) {
  const told = new Told();
  const follower = new Follower(path, systemClock, told, parsePosition(JSON.parse(JSON.stringify(since))));
  await follower.look();
  await follower.close();
  return { lost: told.lostTimes > 0, frames: told.frames };
}

test('it goes on from a saved position while the WAL proves it', async () => {
  const { path, database, write, follower, look, end } = await followed();
  await write(8);
  await look();
  const { position } = follower;
  const seen = await frameOf(database);
  assert.deepEqual(await resumed(path, position), { lost: false, frames: 0 });
  await write(2);
  const missed = (await frameOf(database)) - seen;
  assert.deepEqual(await resumed(path, position), { lost: false, frames: missed });
  await database.run('PRAGMA wal_checkpoint(RESTART); INSERT INTO t (body) VALUES (1)');
  assert.deepEqual(await resumed(path, position), { lost: false, frames: missed + (await frameOf(database)) });
  await database.run('PRAGMA wal_checkpoint(RESTART); INSERT INTO t (body) VALUES (1)');
  assert.deepEqual(await resumed(path, position), { lost: true, frames: 0 });
  await end();
});

test('a saved position that the WAL contradicts is not trusted', async () => {
  const { path, write, follower, look, end } = await followed();
  await write(8);
  await look();
  const position = follower.position;
  assert.ok(position?.wal);
  const { wal } = position;
  assert.deepEqual(await resumed(path, { ...position, wal: { ...wal, checksum: [1, 2] } }), { lost: true, frames: 0 });
  assert.deepEqual(await resumed(path, { ...position, wal: { ...wal, frame: wal.frame + 1 } }), {
    lost: true,
    frames: 0,
  });
  assert.deepEqual(await resumed(path, { ...position, wal: { ...wal, frame: wal.frame - 1 } }), {
    lost: true,
    frames: 0,
  });
  await end();
});
