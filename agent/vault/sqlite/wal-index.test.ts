import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from './testing.ts';
import { TransactionReader } from './transaction-reader.ts';
import { parseGeneration } from './wal.ts';
import { parseWalIndex, walIndexBytes } from './wal-index.ts';

const folder = temporaryFolder();
after(() => folder.remove());

for (const pageBytes of [512, 4096, 65536]) {
  test(`pages of ${pageBytes}: the index says the same of the WAL as the WAL itself`, () => {
    const path = join(folder.path, `${pageBytes}.sqlite`);
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; CREATE TABLE t (x)`);
    for (let row = 0; row < 10; row += 1) database.exec('INSERT INTO t VALUES (randomblob(1000))');
    const wal = readFileSync(`${path}-wal`);
    const index = parseWalIndex(readFileSync(`${path}-shm`));
    const generation = parseGeneration(wal);
    assert.ok(generation && index);
    const last = [...new TransactionReader(generation).read(wal.subarray(32))].at(-1);
    assert.deepEqual(index, {
      frame: last?.end.frame,
      checksum: last?.end.checksum,
      pages: last?.databasePages,
      salt1: generation.salt1,
      salt2: generation.salt2,
      bigEndian: generation.bigEndian,
      pageBytes,
    });
    database.close();
  });
}

test('an index with a wrong byte, in one copy or in both, says nothing', () => {
  const path = join(folder.path, 'garbled.sqlite');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x)');
  const bytes = readFileSync(`${path}-shm`).subarray(0, walIndexBytes);
  assert.ok(parseWalIndex(bytes));
  fc.assert(
    fc.property(
      fc.nat(47),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom([0], [48], [0, 48]),
      (at, bits, copies) => {
        const garbled = Buffer.from(bytes);
        for (const copy of copies) garbled[copy + at] = (garbled[copy + at] ?? 0) ^ bits;
        assert.equal(parseWalIndex(garbled), undefined);
      },
    ),
  );
  fc.assert(
    fc.property(fc.nat(walIndexBytes - 1), (length) =>
      assert.equal(parseWalIndex(bytes.subarray(0, length)), undefined),
    ),
  );
  database.close();
});
