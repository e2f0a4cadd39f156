import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { seededRandom, testSeed } from '@opencrane/kit/testing/seeded-random.ts';
import type { DatabasePosition } from '../snapshot/database-source.ts';
import type { SqliteCapture } from './sqlite-capture.ts';
import { Connection, openCapture, Replica, temporaryFolder, Writer, type WriterOrder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const everyday = ['write', 'write', 'write', 'write', 'write', 'grow', 'shrink', 'table', 'rollback'];
const openClaw = { pageBytes: 4096, autoCheckpoint: 1000, cachePages: 500, actions: everyday };

const writers: readonly ({ readonly reason: string } & Omit<WriterOrder, 'path' | 'seed'>)[] = [
  { ...openClaw, reason: 'a writer as OpenClaw is: its automatic checkpoints restart the WAL' },
  { ...openClaw, reason: 'a WAL that is restarted all the time', autoCheckpoint: 20 },
  { ...openClaw, reason: 'a WAL that nobody restarts', autoCheckpoint: 0 },
  { ...openClaw, reason: 'transactions that spill into the WAL before they commit', cachePages: 5 },
  {
    ...openClaw,
    reason: 'checkpoints of every kind, and VACUUM',
    autoCheckpoint: 100,
    actions: [...everyday, 'passive', 'full', 'restart', 'truncate', 'vacuum'],
  },
  { ...openClaw, reason: 'the smallest pages', pageBytes: 512, autoCheckpoint: 300 },
  { ...openClaw, reason: 'the largest pages', pageBytes: 65536, autoCheckpoint: 100 },
];

/** Nothing writes any more: the copy must be the very file that SQLite makes when it takes all frames in. */
async function comparePages(
  path: string,
  capture: SqliteCapture,
  replica: Replica,
  since: DatabasePosition | undefined,
) {
  const database = new Connection(path);
  await database.run('SELECT count(*) FROM entry'); // recovers the WAL
  const captured = await capture.capture(path, since);
  assert.ok(captured);
  await replica.apply(captured);
  await database.run('PRAGMA wal_checkpoint(TRUNCATE)');
  assert.ok(readFileSync(`${path}.copy`).equals(readFileSync(path)));
  await database.kill();
}

for (const [at, { reason, ...order }] of writers.entries()) {
  test(`${reason}: every capture is a committed state, and none loses a transaction`, async (t) => {
    const path = join(folder.path, `${at}.sqlite`);
    const seed = testSeed() + at;
    const random = seededRandom(seed);
    let writer = await Writer.start({ ...order, path, seed });
    t.after(() => writer.kill());
    const capture = await openCapture(folder.path);
    t.after(() => capture.close());
    const replica = new Replica(`${path}.copy`);
    t.after(() => replica.close());
    let [since, last]: [DatabasePosition | undefined, number] = [undefined, 0];
    for (let round = 0; round < 30; round += 1) {
      const { acknowledged } = writer;
      const captured = await capture.capture(path, since);
      assert.ok(captured);
      if (round % 7 === 3) {
        await captured.release(false); // not stored: the next one must bring all of it again
        continue;
      }
      await replica.apply(captured);
      since = captured.position;
      const { sequence } = replica.witness();
      assert.ok(sequence >= acknowledged, `seed ${seed}: captured ${sequence} after ${acknowledged} was committed`);
      assert.ok(sequence >= last, `seed ${seed}: back from ${last} to ${sequence}`);
      last = sequence;
      if (round % 13 === 8) {
        await writer.kill();
        writer = await Writer.start({ ...order, path, seed: seed + round });
      }
      await setTimeout(random() * 10);
    }
    await writer.kill();
    await comparePages(path, capture, replica, since);
    assert.ok(replica.counts.partial > 0);
    if (order.autoCheckpoint === 0) assert.equal(replica.counts.whole, 1, 'only the first has to be whole');
    t.diagnostic(`seed ${seed}: ${JSON.stringify({ ...replica.counts, last })}`);
  });
}
