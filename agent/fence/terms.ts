/**
 * The times of a lease, all from its time-to-live (docs/fence.md); those of a long one have upper bounds:
 *
 *   sent     renew             give up        deadline      ttl     ttl × 1.1 since another saw it
 *   0 ───────── 1/3 ─── tries ─── 7/12 ─ drain ─ 3/4 ───────── 1 ───────── 1.1: it may take over
 *
 * The holder counts from when it sent the renewal that came through, a watcher from when it had read it, each on its own
 * clock. Between the deadline, at which OpenClaw is dead, and a take-over lie 0.26 of the ttl in real time even when one
 * clock runs 5 % slow and the other 5 % fast: 1.1 / 1.05 − 0.75 / 0.95.
 */

/** The times. All in milliseconds but `allowance`. */
export type Terms = {
  readonly ttlMillis: number;
  /** From the last renewal to the next. */
  readonly renewMillis: number;
  /** From the last renewal to the moment at which OpenClaw is dead. */
  readonly deadlineMillis: number;
  /** Of that, the end: for ending OpenClaw. Nothing is renewed any more. */
  readonly drainMillis: number;
  /** How much longer than the ttl a watcher waits, for clocks that run at different rates. */
  readonly allowance: number;
  /** Between two looks of a watcher. */
  readonly pollMillis: number;
  /** How long one call to the bucket may take. Two that stall may go before a renewal, and the third still comes in time. */
  readonly callMillis: number;
  /** Between two tries. */
  readonly retryMillis: number;
};

/** Idle, OpenClaw ends within 2.5 s of a SIGTERM (measured on 2026.9.6); the launcher kills after 3. */
const MOST_DRAIN_MILLIS = 5_000;

/** A long lease is for serving on while the bucket is away, so little of it may have gone by when that begins. */
const MOST_RENEW_MILLIS = 60_000;

/** What is handed over is taken within this, and what comes back after an outage is renewed within the other two. */
const MOST_POLL_MILLIS = 5_000;
const MOST_CALL_MILLIS = 10_000;
const MOST_RETRY_MILLIS = 3_000;

/** The default. Shorter costs requests and patience with a slow bucket, longer makes a dead machine's tenant wait. */
export const DEFAULT_TTL_MILLIS = 30_000;

/** The times of a lease with this time-to-live. */
export function termsOf(ttlMillis: number): Terms {
  return {
    ttlMillis,
    renewMillis: Math.min(ttlMillis / 3, MOST_RENEW_MILLIS),
    deadlineMillis: ttlMillis * 0.75,
    drainMillis: Math.min(MOST_DRAIN_MILLIS, ttlMillis / 6),
    allowance: 1.1,
    pollMillis: Math.min(ttlMillis / 10, MOST_POLL_MILLIS),
    callMillis: Math.min(ttlMillis / 12, MOST_CALL_MILLIS),
    retryMillis: Math.min(ttlMillis / 40, MOST_RETRY_MILLIS),
  };
}
