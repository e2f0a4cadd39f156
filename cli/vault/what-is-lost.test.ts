import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { SnapshotListSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import fc from 'fast-check';
import type { Choice } from './choice.ts';
import { findSnapshot, lastMinutes } from './what-is-lost.ts';

const way = { kind: 'tenant', tenant: 'jente' } as const;

/** A vault with these snapshots, oldest first, that gives at most `most` of them a page. */
function vaultOf(taken: readonly { readonly sequence: bigint; readonly at: number }[], most: number) {
  const all = taken
    .map(({ sequence, at }) => ({ sequence, takenAtMillis: BigInt(at) }))
    .toSorted((one, other) => Number(other.sequence - one.sequence));
  return {
    async list({ limit = 0, beforeSequence = 0n }: { limit?: number; beforeSequence?: bigint }) {
      const older = all.filter(({ sequence }) => beforeSequence === 0n || sequence < beforeSequence);
      const snapshots = older.slice(0, Math.min(limit, most));
      return create(SnapshotListSchema, { snapshots, more: snapshots.length < older.length });
    },
  };
}

test('a choice comes to the snapshot that the agent would take, over any number of pages, or to none', async () => {
  const snapshots = fc
    .uniqueArray(fc.nat(300), { maxLength: 30 })
    .map((times) =>
      times.toSorted((one, other) => one - other).map((at, index) => ({ at, sequence: BigInt(index * 2 + 1) })),
    );
  const choices: fc.Arbitrary<Choice> = fc.oneof(
    fc.constant<Choice>({ choice: { case: 'newest', value: true } }),
    fc.bigInt(1n, 70n).map((value): Choice => ({ choice: { case: 'sequence', value } })),
    fc.bigInt(0n, 320n).map((value): Choice => ({ choice: { case: 'atMillis', value } })),
  );
  await fc.assert(
    fc.asyncProperty(snapshots, choices, fc.integer({ min: 1, max: 5 }), async (taken, choice, most) => {
      const picked = choice.choice;
      const expected = taken.findLast(({ sequence, at }) => {
        if (picked?.case === 'sequence') return sequence === picked.value;
        return picked?.case !== 'atMillis' || BigInt(at) <= picked.value;
      });
      const finding = findSnapshot(vaultOf(taken, most), choice, way);
      if (expected === undefined) await assert.rejects(finding, { code: 'not_found', reason: 'snapshot_not_found' });
      else assert.equal((await finding).sequence, expected.sequence);
    }),
  );
});

const minutes = [
  { reason: 'a clock that runs behind loses nothing negative', millis: -5_000, says: 'the last minute' },
  { reason: 'seconds count as a minute', millis: 3_000, says: 'the last minute' },
  { reason: 'minutes are rounded up: that much may be lost', millis: 11.2 * 60_000, says: 'the last 12 minutes' },
  {
    reason: 'many minutes are said in days as well',
    millis: 2.5 * 86_400_000,
    says: 'the last 3600 minutes (2.5 days)',
  },
];

for (const { reason, millis, says } of minutes) test(reason, () => assert.equal(lastMinutes(millis), says));
