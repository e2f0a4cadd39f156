import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from './testing.ts';
import { type Transaction, TransactionReader } from './transaction-reader.ts';
import { checksumOf, frameBytes, frameOffset, type Generation, parseGeneration, walHeaderBytes } from './wal.ts';

const folder = temporaryFolder();
after(() => folder.remove());

type Made = { readonly before: Buffer; readonly wal: Buffer; readonly after: Buffer; readonly frames: number };
let count = 0;

/** What SQLite makes of some transactions: the file before them, the WAL with them, and the file that took them in. */
function made(pageBytes: number, transactions: readonly (readonly number[])[]): Made {
  count += 1;
  const path = join(folder.path, `${count}.sqlite`);
  const database = new DatabaseSync(path);
  database.exec(
    `PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
     CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB); PRAGMA wal_checkpoint(TRUNCATE)`,
  );
  const before = readFileSync(path);
  const insert = database.prepare('INSERT OR REPLACE INTO t VALUES (?, randomblob(?))');
  for (const sizes of transactions) {
    database.exec('BEGIN');
    for (const size of sizes) insert.run(size % 7, size);
    database.exec(sizes.length % 5 === 4 ? 'ROLLBACK' : 'COMMIT');
  }
  const wal = readFileSync(`${path}-wal`);
  const frames = Number(database.prepare('PRAGMA wal_checkpoint(NOOP)').get()?.['log']);
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  const taken = readFileSync(path);
  database.close();
  return { before, wal, after: taken, frames };
}

/** All transactions of a WAL. */
function read(wal: Uint8Array): { generation: Generation | undefined; transactions: Transaction[] } {
  const generation = parseGeneration(wal);
  const reader = generation && new TransactionReader(generation);
  return { generation, transactions: reader ? [...reader.read(wal.subarray(walHeaderBytes))] : [] };
}

/** The database with a WAL's transactions, as we understand them. */
function applied({ before, wal }: Made): Buffer {
  const { generation, transactions } = read(wal);
  let image = Buffer.from(before);
  for (const { first, pages, databasePages } of transactions) {
    const { pageBytes } = generation ?? { pageBytes: 0 };
    const grown = Buffer.alloc(databasePages * pageBytes);
    image.copy(grown);
    for (const [at, page] of pages.entries()) {
      const from = frameOffset({ pageBytes }, first + at) + 24;
      wal.copy(grown, page * pageBytes, from, from + pageBytes);
    }
    image = grown;
  }
  return image;
}

const pageSizes = [512, 1024, 4096, 32768, 65536];
const someTransactions = fc.array(fc.array(fc.nat(20_000), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 8,
});

test('what the frames make of the file is what SQLite makes of it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...pageSizes), someTransactions, (pageBytes, transactions) => {
      const all = made(pageBytes, transactions);
      const { generation, transactions: found } = read(all.wal);
      assert.equal(found.at(-1)?.end.frame ?? 0, all.frames);
      if (all.frames > 0) assert.equal(generation?.pageBytes, pageBytes);
      assert.ok(applied(all).equals(all.after));
    }),
    { numRuns: 30 },
  );
});

const sample = made(1024, [[3000, 200], [50], [9000], [10, 20, 30]]);
const sampleFrames = read(sample.wal).transactions.flatMap(({ first, pages }) => pages.map((_, at) => first + at));

/** The transactions that lie wholly before a byte of the sample. */
function wholeBefore(byte: number): number {
  const size = frameBytes({ pageBytes: 1024 });
  const frame = Math.floor((byte - walHeaderBytes) / size); // whole frames before it
  return byte < walHeaderBytes ? 0 : read(sample.wal).transactions.filter(({ end }) => end.frame <= frame).length;
}

test('a WAL that is cut anywhere has the transactions before the cut', () => {
  assert.ok(sampleFrames.length > 10);
  fc.assert(
    fc.property(fc.nat(sample.wal.length), (length) => {
      assert.equal(read(sample.wal.subarray(0, length)).transactions.length, wholeBefore(length));
    }),
    { numRuns: 500 },
  );
});

test('a WAL with a wrong byte anywhere has the transactions before it', () => {
  fc.assert(
    fc.property(fc.nat(sample.wal.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const garbled = Buffer.from(sample.wal);
      garbled[at] = (garbled[at] ?? 0) ^ bits;
      assert.equal(read(garbled).transactions.length, wholeBefore(at), `byte ${at}`);
    }),
    { numRuns: 1000 },
  );
});

test('any bytes at all are read without a throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => assert.deepEqual(read(bytes).transactions, [])));
});

test('frames of the generation before, left behind the new ones, do not count', () => {
  const path = join(folder.path, 'restarted.sqlite');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)');
  for (let row = 0; row < 20; row += 1) database.exec('INSERT INTO t VALUES (randomblob(2000))');
  const before = readFileSync(`${path}-wal`);
  database.exec('PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (1)');
  const now = readFileSync(`${path}-wal`);
  database.close();
  assert.equal(now.length, before.length);
  assert.equal(read(now).transactions.length, 1);
  assert.equal(read(now).generation?.salt1, (read(before).generation?.salt1 ?? 0) + 1);
});

/** The WAL as a machine of the other byte order writes it. */
function ofOtherOrder(wal: Buffer): Buffer {
  const other = Buffer.from(wal);
  const generation = parseGeneration(wal);
  assert.ok(generation);
  other.writeUInt32BE(generation.bigEndian ? 0x377f0682 : 0x377f0683, 0);
  const bigEndian = !generation.bigEndian;
  let sum = checksumOf(other.subarray(0, 24), [0, 0], bigEndian);
  other.writeUInt32BE(sum[0], 24);
  other.writeUInt32BE(sum[1], 28);
  const size = frameBytes(generation);
  for (let at = walHeaderBytes; at + size <= other.length; at += size) {
    sum = checksumOf(other.subarray(at, at + 8), sum, bigEndian);
    sum = checksumOf(other.subarray(at + 24, at + size), sum, bigEndian);
    other.writeUInt32BE(sum[0], at + 16);
    other.writeUInt32BE(sum[1], at + 20);
  }
  return other;
}

test('checksums of either byte order are understood, by us as by SQLite', () => {
  const other = ofOtherOrder(sample.wal);
  assert.deepEqual(
    read(other).transactions.map(({ pages }) => pages),
    read(sample.wal).transactions.map(({ pages }) => pages),
  );
  const path = join(folder.path, 'other.sqlite');
  writeFileSync(path, sample.before);
  writeFileSync(`${path}-wal`, other);
  const database = new DatabaseSync(path);
  assert.equal(database.prepare('SELECT count(*) AS rows FROM t').get()?.['rows'], 6, 'SQLite recovered it');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  assert.ok(readFileSync(path).equals(sample.after));
  rmSync(path);
});

test('bytes that do not lie on a word are summed alike', () => {
  const shifted = Buffer.allocUnsafeSlow(sample.wal.length + 1);
  sample.wal.copy(shifted, 1);
  assert.deepEqual(read(shifted.subarray(1)), read(sample.wal));
});
