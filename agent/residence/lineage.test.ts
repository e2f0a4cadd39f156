import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decideState, type Lineage, readLineage, type Situation, type StateDecision, writeLineage } from './lineage.ts';

const folder = await mkdtemp(join(tmpdir(), 'opencrane-lineage-'));
after(() => rm(folder, { recursive: true, force: true }));

const ours: Lineage = { format: 1, vault: 'v', epoch: 4, restoring: false, aside: false };
const settled: Situation = {
  lineage: ours,
  vault: 'v',
  epoch: 4,
  hasState: true,
  head: { epoch: 4, hasSnapshot: true },
};

const rows: { reason: string; change: Partial<Situation>; decision: StateDecision }[] = [
  { reason: 'an agent that starts again goes on with its state', change: {}, decision: 'keep' },
  {
    reason: 'an empty disk gets the state from the bucket',
    change: { lineage: undefined, hasState: false, epoch: 5 },
    decision: 'restore',
  },
  {
    reason: 'a first boot has nothing to restore',
    change: { lineage: undefined, hasState: false, epoch: 1, head: undefined },
    decision: 'keep',
  },
  {
    reason: 'a state from before the vault was there stays, and is stored',
    change: { lineage: undefined, epoch: 1, head: { epoch: 1, hasSnapshot: false } },
    decision: 'keep',
  },
  {
    reason: 'a disk that comes back after another one wrote has an old state',
    change: { epoch: 6, head: { epoch: 5, hasSnapshot: true } },
    decision: 'restore',
  },
  {
    reason:
      'a disk that lost the lease, while nobody else took it, has the newest state: its last seconds are only here',
    change: { epoch: 5, head: { epoch: 4, hasSnapshot: true } },
    decision: 'keep',
  },
  {
    reason: 'a restore that a crash cut off is done again',
    change: { lineage: { ...ours, restoring: true } },
    decision: 'restore',
  },
  {
    reason: 'the decision to keep holds after a crash, though the head was taken under our epoch meanwhile',
    change: { lineage: { ...ours, epoch: 5 }, epoch: 5, head: { epoch: 5, hasSnapshot: true } },
    decision: 'keep',
  },
  {
    reason:
      'a state that is gone from the disk it was on is brought back; an empty one would become the newest snapshot',
    change: { hasState: false },
    decision: 'restore',
  },
  {
    reason: 'a state of which nothing is remembered is not trusted over the bucket',
    change: { lineage: undefined, epoch: 5 },
    decision: 'restore',
  },
];

for (const { reason, change, decision } of rows) {
  test(reason, () => assert.equal(decideState({ ...settled, ...change }), decision));
}

test('a state of another vault is not touched', () => {
  assert.throws(() => decideState({ ...settled, vault: 'w' }), { reason: 'another_vault' });
});

test('what a disk remembers is read back, and what cannot be read is an error, never nothing', async () => {
  const path = join(folder, 'lineage.json');
  assert.equal(await readLineage(path), undefined);
  await writeLineage(path, { vault: 'v', epoch: 4, restoring: true });
  assert.deepEqual(await readLineage(path), { ...ours, restoring: true });
  await writeFile(path, '{"format":1,');
  await assert.rejects(readLineage(path), { reason: 'lineage_damaged', field: path });
});
