import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Generation } from '../bucket/bucket.ts';
import { type Lease, unknown } from './lease.ts';
import { epochOf, holderIdOf, type LeaseRecord } from './lease-record.ts';
import { whyNotYet } from './losses.ts';
import { termsOf } from './terms.ts';

const terms = termsOf(30_000, { id: 'ours', outageMillis: 900_000 });
const record: LeaseRecord = {
  format: 1,
  epoch: epochOf(3),
  holder: holderIdOf('disk'),
  host: 'near',
  instance: 'process',
  renewal: 7,
  serial: 9,
  ttlMillis: 20_000,
  released: false,
};
const witness = { id: 'ours', outageMillis: 600_000, vouchMillis: 20_000 };
const taken = (seen: LeaseRecord | undefined, grantedAt?: number): Lease => ({
  state: 'taken',
  seen: { found: seen && { record: seen, generation: '1' as Generation }, floor: epochOf(3) }, // tests name them
  since: 0,
  lookedAt: 0,
  grantedAt,
  attempts: [],
});
const away = new OpenCraneError('unavailable', 'bucket_away', 'reading vault/lease: 503', { mend: 'wait' });

const rows: { reason: string; lease: Lease; trouble?: OpenCraneError; says: string }[] = [
  { reason: 'nothing was read yet', lease: unknown, says: '' },
  {
    reason: 'and the bucket is away',
    lease: unknown,
    trouble: away,
    says: 'reading vault/lease: 503; wait',
  },
  {
    reason: 'another has it, and nobody vouches for that one: its own time-to-live counts',
    lease: taken(record),
    says: 'near (epoch 3) has the tenant, which is taken over once that lease has not been renewed for 22 s',
  },
  {
    reason: 'somebody may vouch for it',
    lease: taken({ ...record, witness }),
    says: 'near (epoch 3) has the tenant, which is taken over once that lease has not been renewed for 22 s and the coordinator gives it up, or after 11 min',
  },
  {
    reason: 'nobody will any more',
    lease: taken({ ...record, witness }, 5),
    says: 'near (epoch 3) has the tenant, which is taken over once that lease has not been renewed for 22 s; the coordinator has given it up',
  },
  {
    reason: 'the lease is gone, and HEAD says that there was one: our own times stand for those of its holder',
    lease: taken(undefined),
    trouble: away,
    says: 'somebody unknown has the tenant, which is taken over once that lease has not been renewed for 33 s and the coordinator gives it up, or after 17 min: reading vault/lease: 503; wait',
  },
];

for (const { reason, lease, trouble, says } of rows) {
  test(`what an agent waits for: ${reason}`, () => assert.equal(whyNotYet(lease, trouble, terms), says));
}
