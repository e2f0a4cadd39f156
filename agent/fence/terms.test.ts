import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_TTL_MILLIS, termsOf } from './terms.ts';

/** How far a clock may be off, as docs/fence.md assumes. */
const RATE_ERROR = 0.05;

test('the default, as docs/fence.md prints it', () => {
  assert.deepEqual(termsOf(DEFAULT_TTL_MILLIS), {
    ttlMillis: 30_000,
    renewMillis: 10_000,
    deadlineMillis: 22_500,
    drainMillis: 5_000,
    allowance: 1.1,
    pollMillis: 3_000,
    callMillis: 2_500,
    retryMillis: 750,
  });
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
