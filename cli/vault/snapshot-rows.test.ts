/** Times that are not what a clock said are marked, and told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { SnapshotSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { snapshotRow, wrongClocks } from './snapshot-rows.ts';

const taken = Date.UTC(2026, 9, 1, 10, 15);
const ahead = BigInt(Date.UTC(2027, 10, 5, 10, 10));
const right = create(SnapshotSchema, { sequence: 2n, takenAtMillis: BigInt(taken), reason: 'change' });
const wrong = (sequence: bigint) => create(SnapshotSchema, { ...right, sequence, clockMillis: ahead });

test('a time that is the clock’s is shown as it is, and nothing is said of it', () => {
  assert.equal(snapshotRow(right, taken)[1], '2026-10-01 10:15:00Z');
  assert.equal(wrongClocks([right]), '');
});

test('a time that is not the clock’s is marked, and the clock’s is told', () => {
  assert.equal(snapshotRow(wrong(3n), taken)[1], '~2026-10-01 10:15:00Z');
  const said = '~ its clock said otherwise, against the snapshots around it: 3 by 2027-11-05 10:10:00Z';
  assert.equal(wrongClocks([right, wrong(3n)]), said);
  const many = [3n, 4n, 5n, 6n, 7n, 8n, 9n].map(wrong);
  assert.match(wrongClocks(many), /7 by 2027-11-05 10:10:00Z, and 2 more$/);
});
