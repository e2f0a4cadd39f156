import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_OUTAGE_MILLIS, DEFAULT_TTL_MILLIS, termsOf } from './terms.ts';

/** How far a clock may be off, as docs/fence.md assumes. */
const RATE_ERROR = 0.05;

test('the default, as docs/fence.md prints it', () => {
  assert.deepEqual(termsOf(DEFAULT_TTL_MILLIS, { id: 'w', outageMillis: DEFAULT_OUTAGE_MILLIS }), {
    ttlMillis: 30_000,
    witness: { id: 'w', outageMillis: 1_200_000, vouchMillis: 24_000 },
    renewMillis: 10_000,
    restMillis: 240_000,
    trustMillis: 6_500,
    overdueMillis: 7_500,
    deadlineMillis: 22_500,
    drainMillis: 5_000,
    allowance: 1.1,
    pollMillis: 3_000,
    callMillis: 2_500,
    retryMillis: 750,
    revouchMillis: 5_000,
    vouchDeadlineMillis: 18_000,
    outageDeadlineMillis: 900_000,
    patience: 0.5,
  });
});

test('with a coordinator a tenant serves on through any ten minutes without the bucket', () => {
  const { outageDeadlineMillis, drainMillis, restMillis, callMillis } = termsOf(DEFAULT_TTL_MILLIS, {
    id: 'w',
    outageMillis: DEFAULT_OUTAGE_MILLIS,
  });
  // The last renewal was sent just before, and a few tries after the bucket is back find it still slow.
  assert.ok(outageDeadlineMillis - drainMillis - restMillis - 4 * callMillis >= 10 * 60_000);
});

test('an outage that the lease itself outlives takes no coordinator', () => {
  assert.equal(termsOf(900_000, { id: 'w', outageMillis: 900_000 }).witness, undefined);
  assert.equal(termsOf(30_000, { id: 'w', outageMillis: 0 }).witness, undefined);
});

test('with a ttl of a quarter of an hour a tenant serves on through any ten minutes without the bucket', () => {
  const { deadlineMillis, drainMillis, renewMillis } = termsOf(15 * 60_000);
  assert.ok(deadlineMillis - drainMillis - renewMillis >= 10 * 60_000);
});

test('whatever the ttl: OpenClaw is dead a quarter of it before anyone may take over, and a renewal may be tried three times', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 3_600_000 }), (ttlMillis) => {
      const terms = termsOf(ttlMillis);
      const latestDeath = terms.deadlineMillis / (1 - RATE_ERROR);
      const earliestTakeOver = (ttlMillis * terms.allowance) / (1 + RATE_ERROR);
      assert.ok(earliestTakeOver - latestDeath > ttlMillis / 4);
      const third = terms.renewMillis + 2 * (terms.callMillis + 1.5 * terms.retryMillis);
      assert.ok(third < terms.deadlineMillis - terms.drainMillis, 'two calls may stall');
    }),
  );
});

test('whatever the ttl: who was vouched for last is dead a quarter of a vouch before a grant counts, and two questions may stall', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 3_600_000 }), (ttlMillis) => {
      const terms = termsOf(ttlMillis, { id: 'w', outageMillis: 2 * ttlMillis });
      const { vouchMillis, outageMillis } = terms.witness ?? assert.fail('nobody vouches');
      const { vouchDeadlineMillis, outageDeadlineMillis, drainMillis, allowance } = terms;
      for (const [deadline, wait] of [
        [vouchDeadlineMillis, vouchMillis],
        [outageDeadlineMillis, outageMillis],
      ] as const) {
        assert.ok((wait * allowance) / (1 + RATE_ERROR) - deadline / (1 - RATE_ERROR) > wait / 4);
      }
      const stalled = terms.callMillis + terms.retryMillis;
      assert.ok(terms.revouchMillis + 2 * stalled < vouchDeadlineMillis - drainMillis, 'once vouched for');
      const renewedInTime = terms.trustMillis + terms.callMillis + 1.5 * terms.retryMillis;
      assert.ok(
        renewedInTime < vouchDeadlineMillis - drainMillis,
        'and a renewal is tried twice when the word stays away',
      );
      assert.ok(terms.revouchMillis < terms.trustMillis && terms.restMillis < outageDeadlineMillis / 2);
    }),
  );
});
