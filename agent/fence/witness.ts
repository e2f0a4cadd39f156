/**
 * The second witness beside the bucket (docs/fence.md), as far as it can be told without asking: what it is asked when,
 * and what its answers change.
 *
 *   held ──"do you vouch for my holding?"──▶ OpenClaw may run on and the lease rest, for a while from the asking
 *   taken, and seen without a renewal for half its ttl ──"may I take it over?"──▶ nobody is vouched for in it any more
 *
 * A witness that has granted the second says no to the first, for good. So every vouch was asked for before any grant was
 * answered, and who waits a vouch's time after the answer overlaps with nobody. No clock of the witness is relied on.
 */
import type { Generation } from '../bucket/bucket.ts';
import type { Held, Lease, Taken } from './lease.ts';
import type { Holding } from './lease-record.ts';
import type { Terms, WitnessTerms } from './terms.ts';

/** What the witness is to be asked. */
export type Question =
  /** Ends in `onVouched`, when it says yes. */
  | { readonly ask: 'vouch'; readonly holding: Holding; readonly of: WitnessTerms }
  /** Ends in `onGranted`, when it says yes. `over` is what is to be taken over. */
  | {
      readonly ask: 'grant';
      readonly holding: Holding;
      readonly of: WitnessTerms;
      readonly over: Generation | undefined;
    }
  /** Nothing before that moment, unless the lease changes. */
  | { readonly ask: 'nothing'; readonly until: number };

const NOTHING: Question = { ask: 'nothing', until: Number.POSITIVE_INFINITY };

/** Past every serial. */
const ALL = Number.MAX_SAFE_INTEGER;

/** What to ask at a moment. */
export function question(lease: Lease, now: number, terms: Terms): Question {
  if (lease.state === 'held') return ofHolder(lease, now, terms);
  return lease.state === 'taken' ? ofWatcher(lease, terms) : NOTHING;
}

/** When the witness has vouched for us in this epoch; `sentAt` is from before it was asked. */
export function onVouched(lease: Lease, { epoch }: Holding, sentAt: number): Lease {
  if (lease.state !== 'held' || lease.epoch !== epoch) return lease;
  return { ...lease, vouchedAt: Math.max(lease.vouchedAt ?? sentAt, sentAt) };
}

/** When the witness has granted that we take this over; `answeredAt` is when the answer was there. */
export function onGranted(lease: Lease, over: Generation | undefined, answeredAt: number): Lease {
  if (lease.state !== 'taken' || lease.seen.found?.generation !== over) return lease;
  return { ...lease, grantedAt: lease.grantedAt ?? answeredAt };
}

/** How long to rest when there was no answer. A holder is in a hurry only when its renewal is not fresh either. */
export function restAfterSilence({ ask }: Question, lease: Lease, now: number, terms: Terms): number {
  if (ask !== 'vouch' || lease.state !== 'held') return terms.pollMillis;
  return Math.max(terms.retryMillis, Math.min(terms.revouchMillis, lease.sentAt + terms.renewMillis - now));
}

function ofHolder({ epoch, serial, sentAt, vouchedAt, releasing }: Held, now: number, terms: Terms): Question {
  if (terms.witness === undefined || releasing) return NOTHING;
  const until = Math.max(sentAt, vouchedAt ?? sentAt) + terms.revouchMillis;
  if (now < until) return { ask: 'nothing', until };
  return { ask: 'vouch', holding: { epoch, serial }, of: terms.witness };
}

/** Asks only when it was *seen* without a renewal: who cannot reach the bucket knows nothing of the holder. */
function ofWatcher({ seen, since, lookedAt, grantedAt }: Taken, terms: Terms): Question {
  const { ttlMillis, witness } = seen.found?.record ?? terms;
  if (witness === undefined || grantedAt !== undefined) return NOTHING;
  if (lookedAt < since + ttlMillis * terms.patience) return NOTHING;
  return { ask: 'grant', holding: holdingSeen(seen), of: witness, over: seen.found?.generation };
}

/** A record that is gone, or one that was put back, may hide any later one up to HEAD's epoch. */
function holdingSeen({ found, floor }: Taken['seen']): Holding {
  if (found === undefined || found.record.epoch < floor) return { epoch: floor, serial: ALL };
  return { epoch: found.record.epoch, serial: found.record.serial };
}
