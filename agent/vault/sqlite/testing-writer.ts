/** A process that writes a database in every way that could upset a capture: `node testing-writer.ts ORDER` (see testing.ts). */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import type { WriterOrder } from './testing.ts';

// The parent made it.
const order = JSON.parse(process.argv[2] ?? '') as WriterOrder;
const database = new DatabaseSync(order.path, { timeout: 30_000 });
database.exec(
  `PRAGMA page_size = ${order.pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
   PRAGMA wal_autocheckpoint = ${order.autoCheckpoint}; PRAGMA cache_size = ${order.cachePages};
   CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER);
   CREATE TABLE IF NOT EXISTS entry (sequence INTEGER PRIMARY KEY, body BLOB);
   CREATE TABLE IF NOT EXISTS filler (id INTEGER PRIMARY KEY, body BLOB);
   INSERT OR IGNORE INTO counter VALUES ('first', 0), ('second', 0), ('entries', 0);`,
);
const add = database.prepare('INSERT INTO entry VALUES (?, randomblob(?))');
const move = database.prepare('UPDATE counter SET value = ? WHERE name = ?');
let state = order.seed;
const first = database.prepare(`SELECT value FROM counter WHERE name = 'first'`);

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

function fill(rows: number): void {
  for (let row = 0; row < rows; row += 1)
    database.exec(`INSERT OR REPLACE INTO filler VALUES (${random(400)}, randomblob(${random(6000)}))`);
}

const actions: Record<string, () => void> = {
  write: () => fill(1 + random(8)),
  grow: () => fill(150),
  shrink: () => database.exec(`DELETE FROM filler WHERE id > ${random(400)}`),
  table: () =>
    database.exec(
      'CREATE TABLE IF NOT EXISTS extra (x); INSERT INTO extra VALUES (randomblob(9000)); DROP TABLE extra',
    ),
};

/** What may fail because another writer is at it. */
const between: Record<string, () => void> = {
  rollback: () => {
    database.exec('BEGIN IMMEDIATE');
    fill(100);
    database.exec('ROLLBACK');
  },
  vacuum: () => database.exec('VACUUM'),
  passive: () => database.exec('PRAGMA wal_checkpoint(PASSIVE)'),
  full: () => database.exec('PRAGMA wal_checkpoint(FULL)'),
  restart: () => database.exec('PRAGMA wal_checkpoint(RESTART)'),
  truncate: () => database.exec('PRAGMA wal_checkpoint(TRUNCATE)'),
};

function attempt(action: (() => void) | undefined): void {
  try {
    action?.();
  } catch (cause) {
    if (!(cause instanceof Error) || !('errcode' in cause) || ![5, 6].includes(Number(cause.errcode))) throw cause;
    if (database.isTransaction) database.exec('ROLLBACK');
  }
}

let stopped = false;
process.on('disconnect', () => {
  stopped = true;
});

while (!stopped) {
  const action = order.actions[random(order.actions.length)] ?? 'write';
  attempt(between[action]);
  database.exec('BEGIN IMMEDIATE');
  const sequence = Number(first.get()?.['value']) + 1; // others write too
  move.run(sequence, 'first');
  (actions[action] ?? actions['write'])?.();
  add.run(sequence, random(3000));
  database.exec(`DELETE FROM entry WHERE sequence < ${sequence - 100} + ${random(20)}`);
  database.exec(`UPDATE counter SET value = (SELECT count(*) FROM entry) WHERE name = 'entries'`);
  move.run(sequence, 'second');
  database.exec('COMMIT');
  process.send?.(sequence, () => {}); // the test may have ended
  await setTimeout(random(3)); // leaves the other processes of the test some of the machine
}
database.close();
process.exit();
