import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  epochOf,
  formatLeaseRecord,
  holderIdOf,
  type LeaseRecord,
  parseLeaseRecord,
  sameWriting,
} from './lease-record.ts';

const where = 'gs://acme-jente/vault/lease';
const bytesOf = (text: string) => new TextEncoder().encode(text);

const anyRecord: fc.Arbitrary<LeaseRecord> = fc.record(
  {
    format: fc.constant(1 as const),
    epoch: fc.integer({ min: 1 }).map(epochOf),
    holder: fc.string({ minLength: 1 }).map(holderIdOf),
    host: fc.string(),
    instance: fc.string({ minLength: 1 }),
    renewal: fc.integer({ min: 1 }),
    serial: fc.nat(),
    ttlMillis: fc.integer({ min: 1_000, max: 3_600_000 }),
    released: fc.boolean(),
    witness: fc.record(
      {
        id: fc.string({ minLength: 1, maxLength: 64 }),
        outageMillis: fc.integer({ min: 1, max: 86_400_000 }),
        vouchMillis: fc.integer({ min: 1, max: 3_600_000 }),
      },
      { noNullPrototype: true },
    ),
  },
  {
    noNullPrototype: true,
    requiredKeys: ['format', 'epoch', 'holder', 'host', 'instance', 'renewal', 'serial', 'ttlMillis', 'released'],
  },
);

test('what is written is what is read', () => {
  fc.assert(
    fc.property(anyRecord, (record) => assert.deepEqual(parseLeaseRecord(formatLeaseRecord(record), where), record)),
  );
});

test('a person can read it', () => {
  const record: LeaseRecord = {
    format: 1,
    epoch: epochOf(7),
    holder: holderIdOf('5f0c'),
    host: 'node-3',
    instance: 'a-process',
    renewal: 12,
    serial: 40,
    ttlMillis: 30_000,
    released: false,
    witness: { id: '8b1a', outageMillis: 900_000, vouchMillis: 20_000 },
  };
  assert.equal(
    new TextDecoder().decode(formatLeaseRecord(record)),
    `{
  "format": 1,
  "epoch": 7,
  "holder": "5f0c",
  "host": "node-3",
  "instance": "a-process",
  "renewal": 12,
  "serial": 40,
  "ttlMillis": 30000,
  "released": false,
  "witness": {
    "id": "8b1a",
    "outageMillis": 900000,
    "vouchMillis": 20000
  }
}
`,
  );
});

const good =
  '{"format":1,"epoch":1,"holder":"a","host":"","instance":"b","renewal":1,"ttlMillis":30000,"released":false}';

const damaged = [
  { reason: 'an empty object is what a torn write leaves', text: '' },
  { reason: 'half a record', text: good.slice(0, 40) },
  { reason: 'JSON of something else', text: '[]' },
  { reason: 'a later format may mean anything by the same words', text: good.replace('"format":1', '"format":2') },
  { reason: 'no epoch is below 1', text: good.replace('"epoch":1', '"epoch":0') },
  { reason: 'an epoch past 2^53 cannot be counted on', text: good.replace('"epoch":1', '"epoch":1e16') },
  { reason: 'a time-to-live of nothing would be taken over at once', text: good.replace('30000', '0') },
  { reason: 'a time-to-live of years would never be', text: good.replace('30000', '1e12') },
  {
    reason: 'who may serve on for half a word’s time, and for how long?',
    text: good.replace('"released":false', '"released":false,"witness":{"id":"w","outageMillis":900000}'),
  },
  { reason: 'a lease without a holder is nobody’s', text: good.replace('"holder":"a"', '"holder":""') },
];

test('the record that the damaged ones are made of is good, and says of nobody that he vouches', () => {
  const { holder, serial, witness } = parseLeaseRecord(bytesOf(good), where);
  assert.deepEqual([holder, serial, witness], ['a', 0, undefined]);
});

for (const { reason, text } of damaged) {
  test(`not a lease: ${reason}`, () => {
    assert.throws(() => parseLeaseRecord(bytesOf(text), where), {
      code: 'data_loss',
      reason: 'lease_damaged',
      field: where,
    });
  });
}

test('whatever the bytes: a record, or the error that says where it is', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.throws(() => parseLeaseRecord(bytes, where), { reason: 'lease_damaged' });
    }),
  );
});

test('two records are one writing only when one process wrote them in one attempt', () => {
  const record = parseLeaseRecord(bytesOf(good), where);
  assert.equal(sameWriting(record, { ...record }), true);
  assert.equal(sameWriting(record, { ...record, renewal: 2 }), false);
  assert.equal(sameWriting(record, { ...record, instance: 'another' }), false);
});
