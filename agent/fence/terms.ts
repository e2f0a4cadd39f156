/**
 * The times of a lease, all from its time-to-live (docs/fence.md); those of a long one have upper bounds:
 *
 *   sent     renew             give up        deadline      ttl     ttl × 1.1 since another saw it
 *   0 ───────── 1/3 ─── tries ─── 7/12 ─ drain ─ 3/4 ───────── 1 ───────── 1.1: it may take over
 *
 * The holder counts from when it sent the renewal that came through, a watcher from when it had read it, each on its own
 * clock. Between the deadline, at which OpenClaw is dead, and a take-over lie 0.26 of the ttl in real time even when one
 * clock runs 5 % slow and the other 5 % fast: 1.1 / 1.05 − 0.75 / 0.95.
 *
 * A witness's word goes by the same shares, counted from when it was asked for and from when a grant was there:
 *
 *   asked    asked again     renew          give up        deadline      a vouch    a vouch × 1.1 since another's grant
 *   0 ────── 0.21 ────────── 0.27 ─ tries ─ 0.54 ─ drain ─ 3/4 ───────── 1 ──────── 1.1
 *
 * As long as the word comes the lease is at rest: it is renewed when `restMillis` have gone by.
 */

/** By what a holder may serve on while the bucket is away. */
export type WitnessTerms = {
  /** Which witness it is. No other's word counts: it would not know what this one has granted. */
  readonly id: string;
  /** How long after its last renewal, whatever a witness says. Who has no witness's word waits longer than this. */
  readonly outageMillis: number;
  /** How long one word lasts. Who has a witness's word against the holder waits longer than this. */
  readonly vouchMillis: number;
};

/** The times. All in milliseconds but `allowance` and `patience`. */
export type Terms = {
  readonly ttlMillis: number;
  /** Of this agent's own holding, and taken for granted of one whose record is gone; undefined: none. */
  readonly witness: WitnessTerms | undefined;
  /** From the last renewal to the next. */
  readonly renewMillis: number;
  /** The same while a witness vouches: requests to the bucket are paid for. */
  readonly restMillis: number;
  /** From the asking for a vouch to the moment from which the lease does not rest on it any more: the next one is late. */
  readonly trustMillis: number;
  /** From the sending of a renewal that has no answer to the moment from which the bucket counts as away. */
  readonly overdueMillis: number;
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
  /** From the last renewal, or the last vouch if that is later, to the next vouch. */
  readonly revouchMillis: number;
  /** From the asking for a vouch to the moment at which OpenClaw is dead. */
  readonly vouchDeadlineMillis: number;
  /** From the last renewal to the moment at which OpenClaw is dead, whoever vouched. */
  readonly outageDeadlineMillis: number;
  /** The share of the holder's ttl for which a watcher must see no renewal before it asks for a grant. */
  readonly patience: number;
};

/** How much of what others wait for the holder uses. */
const DEADLINE_SHARE = 0.75;
/** Of the ttl. The holder's end has time in it, a coordinator may be away for seconds, and a dead machine is still taken over within the minute. */
const VOUCH_SHARE = 0.8;

/** Idle, OpenClaw ends within 2.5 s of a SIGTERM (measured on 2026.9.6); the launcher kills after 3. */
const MOST_DRAIN_MILLIS = 5_000;

/** A long lease is for serving on while the bucket is away, so little of it may have gone by when that begins. */
const MOST_RENEW_MILLIS = 60_000;

/** Of an outage's time: what is left of it must be worth something to who was at rest when the bucket went away. */
const REST_SHARE = 1 / 5;
/** 360 requests a day. */
const MOST_REST_MILLIS = 240_000;
/** Each question is a read of the coordinator's database: 10,000 tenants ask 2,000 times a second. */
const MOST_REVOUCH_MILLIS = 5_000;

/** What is handed over is taken within this, and what comes back after an outage is renewed within the other two. */
const MOST_POLL_MILLIS = 5_000;
const MOST_CALL_MILLIS = 10_000;
const MOST_RETRY_MILLIS = 3_000;

/** The default. Shorter costs requests and patience with a slow bucket, longer makes a dead machine's tenant wait. */
export const DEFAULT_TTL_MILLIS = 30_000;

/** For how long a tenant serves on without its bucket, when there is a coordinator: more than ten minutes in any case. */
export const DEFAULT_OUTAGE_MILLIS = 1_200_000;

/**
 * The times of a lease with this time-to-live, whose holder may serve on for `outageMillis` on that witness's word. An
 * outage that is not longer than the ttl is none.
 */
export function termsOf(ttlMillis: number, vouching?: Omit<WitnessTerms, 'vouchMillis'>): Terms {
  const outageMillis = vouching?.outageMillis ?? 0;
  const renewMillis = Math.min(ttlMillis / 3, MOST_RENEW_MILLIS);
  const callMillis = Math.min(ttlMillis / 12, MOST_CALL_MILLIS);
  const pollMillis = Math.min(ttlMillis / 10, MOST_POLL_MILLIS);
  const revouchMillis = Math.min(ttlMillis / 6, MOST_REVOUCH_MILLIS);
  const deadlineMillis = ttlMillis * DEADLINE_SHARE;
  const drainMillis = Math.min(MOST_DRAIN_MILLIS, ttlMillis / 6);
  const vouchMillis = Math.round(ttlMillis * VOUCH_SHARE);
  return {
    ttlMillis,
    witness: vouching && outageMillis > ttlMillis ? { ...vouching, vouchMillis } : undefined,
    renewMillis,
    restMillis: Math.max(renewMillis, Math.min(outageMillis * REST_SHARE, MOST_REST_MILLIS)),
    trustMillis: revouchMillis + callMillis * 0.6,
    overdueMillis: deadlineMillis - drainMillis - renewMillis,
    deadlineMillis,
    drainMillis,
    allowance: 1.1,
    pollMillis,
    callMillis,
    retryMillis: Math.min(ttlMillis / 40, MOST_RETRY_MILLIS),
    revouchMillis,
    vouchDeadlineMillis: vouchMillis * DEADLINE_SHARE,
    outageDeadlineMillis: outageMillis * DEADLINE_SHARE,
    patience: 0.5,
  };
}
