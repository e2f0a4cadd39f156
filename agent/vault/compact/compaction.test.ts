import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixes } from '../../bucket/layout.ts';
import { Pruner } from '../prune/prune.ts';
import { seededRandom } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { withoutUnused } from '../tree/tree-index.ts';
import { verify } from '../verify/verify.ts';

const random = seededRandom('content');

/** How many packs the newest snapshot needs. */
async function neededPacks(history: History): Promise<number> {
  const newest = history.taken.at(-1)?.ref ?? assert.fail('none was taken');
  return withoutUnused((await loadSnapshot(history.vault, newest)).tree).packs.count;
}

/** Every snapshot adds a file that stays, so that its pack is needed for ever. */
async function grow(history: History, snapshots: number): Promise<void> {
  for (let more = 0; more < snapshots; more += 1) {
    history.write(`file-${history.taken.length}`, random(3000));
    history.write('changes', random(2000));
    await history.snapshot('change');
  }
}

async function database(): Promise<History> {
  const history = await History.inMemory();
  history.sql('database', 'CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)');
  history.sql(
    'database',
    `INSERT INTO rows (value) ${'VALUES '}${Array.from({ length: 300 }, () => '(randomblob(3000))').join(',')}`,
  );
  await history.snapshot('change');
  return history;
}

test('the newest snapshot needs a bounded number of packs, and every snapshot holds what it held', async () => {
  const history = await database();
  for (let more = 0; more < 95; more += 1) {
    history.sql('database', `UPDATE rows SET value = randomblob(3000) WHERE id % 95 = ${more}`);
    history.sql('database', 'INSERT INTO rows (value) VALUES (randomblob(3000))');
    history.write(`file-${more}`, random(500));
    await history.snapshot('change');
  }
  const needed = await neededPacks(history);
  assert.ok(needed <= 64 + 16 + 2, `${needed} packs`);
  for (const { ref } of history.taken.filter((_, at) => at % 20 === 0 || at > 90)) await history.assertHolds(ref);
  history.restart(); // the tree as a process reads it that knows nothing
  await grow(history, 3);
  for (const { ref } of history.taken.slice(-4)) await history.assertHolds(ref);
  assert.deepEqual((await verify(history.vault, undefined, () => {}, never)).damaged, []);
  history.clock.millis += 40 * 24 * 3_600_000;
  const before = history.bucket.names(prefixes.pack).length;
  const request = {
    retention: { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 },
    pinned: new Set<never>(),
    dryRun: false,
  };
  const ports = { assertHeld: () => {}, clock: history.clock, onStep: () => {}, report: () => {} };
  await new Pruner(history.vault).prune(request, ports, never);
  await history.assertHolds(history.taken.at(-1)?.ref ?? assert.fail());
  assert.ok(history.bucket.names(prefixes.pack).length < before, 'what was moved out of goes');
  history.end();
});

test('whoever asks for a snapshot waits for no moving', async () => {
  const history = await History.inMemory();
  await grow(history, 64);
  history.write('asked', 'for');
  await history.snapshot('drain');
  const drained = await neededPacks(history);
  assert.ok(drained > 64, `${drained} packs`);
  await grow(history, 20);
  assert.ok((await neededPacks(history)) < 40);
  history.end();
});

for (const step of ['snapshot:pack', 'snapshot:packs', 'snapshot:manifest']) {
  test(`cut off at ${step}, the next snapshot moves what is to be moved`, async () => {
    const history = await History.inMemory();
    await grow(history, 60);
    const before = new Map(history.bucket.objects);
    history.onStep = (at) => {
      if (at === step && history.bucket.calls.filter((call) => call.startsWith(`read ${prefixes.pack}`)).length > 30)
        throw new Error('killed');
    };
    await assert.rejects(grow(history, 40), { message: /killed/ });
    history.onStep = () => {};
    for (const name of before.keys())
      if (name !== 'vault/head') assert.equal(history.bucket.objects.get(name), before.get(name));
    await grow(history, 20);
    assert.ok((await neededPacks(history)) < 40);
    for (const { ref } of history.taken.slice(-5)) await history.assertHolds(ref);
    history.end();
  });
}

test('a pack that cannot be read keeps no snapshot from being stored, and the others are moved', async () => {
  const history = await database();
  const insert = async (snapshots: number) => {
    for (let more = 0; more < snapshots; more += 1) {
      history.sql('database', 'INSERT INTO rows (value) VALUES (randomblob(9000))'); // its pages are never written again
      await history.snapshot('change');
    }
  };
  await insert(5);
  const broken = history.bucket.names(prefixes.pack)[2] ?? '';
  const object = history.bucket.objects.get(broken);
  assert.ok(object);
  history.bucket.objects.delete(broken);
  await insert(110);
  const needed = await neededPacks(history);
  assert.ok(needed < 82, `${needed} packs`);
  assert.deepEqual([...new Set(history.warnings)], ['moving out of old packs failed; the snapshot goes on without']);
  const { damaged } = await verify(history.vault, history.taken.at(-1)?.ref, () => {}, never);
  assert.deepEqual(
    damaged.map(({ name }) => name),
    [broken],
  );
  history.bucket.objects.set(broken, object); // brought back from a copy
  for (const { ref } of history.taken.slice(-3)) await history.assertHolds(ref);
  history.end();
});
