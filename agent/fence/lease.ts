/**
 * The lease that makes one agent the only writer of a tenant's bucket, as a pure state machine (docs/fence.md).
 *
 *   unknown ──read──▶ vacant ──claim came through──▶ held ──renewal came through, or vouch given──▶ held ──release──▶ released
 *      ▲ └────read──▶ taken ──granted, unchanged for its ttl × 1.1: claim came through──▶ held
 *      └─conflict─── vacant, taken                    └── neither in time, or another's record seen ──▶ lost
 *
 * Nothing leads out of `released` and `lost`: whoever wants the lease again begins anew. Times are moments on our own
 * monotonic clock; no clock of anybody else is ever looked at.
 *
 * A write whose answer was lost may have come through or may still do so. Each is remembered until the object has
 * another generation; when one of them is read back it counts from when it was sent, as if the answer had come.
 */
import type { Generation } from '../bucket/bucket.ts';
import { type Epoch, epochOf, type HolderId, type Holding, type LeaseRecord, sameWriting } from './lease-record.ts';
import type { Terms } from './terms.ts';

/** The record that stands in the bucket. */
export type Found = { readonly record: LeaseRecord; readonly generation: Generation };

/** What a look at the bucket shows. `floor` is HEAD's epoch, 0 without a HEAD: no holding has a lower one. */
export type Sighting = { readonly found: Found | undefined; readonly floor: Epoch };

/** A write that was sent, over the generation that was known then. */
export type Attempt = { readonly record: LeaseRecord; readonly sentAt: number };

type Unanswered = { readonly attempts: readonly Attempt[] };

/** Why a lease is lost. */
export type Loss =
  /** No renewal came through in time, and nobody vouched. */
  | 'expired'
  /** Another disk holds it. */
  | 'taken'
  /** Somebody removed the object. */
  | 'removed'
  /** Another process holds it under this disk's id: the disk was copied while it was in use. */
  | 'copied';

/** Somebody else has it. */
export type Taken = Extract<Lease, { state: 'taken' }>;

/** We have it. */
export type Held = Extract<Lease, { state: 'held' }>;

/** The states. */
export type Lease =
  | ({ readonly state: 'unknown' } & Unanswered)
  /** Nobody has it, or this disk had it last. */
  | ({ readonly state: 'vacant'; readonly seen: Sighting } & Unanswered)
  /** Somebody else has it; it stands like this at least since `since`. */
  | ({
      readonly state: 'taken';
      readonly seen: Sighting;
      readonly since: number;
      readonly lookedAt: number;
      /** When a witness's word was there that nobody vouches for this writing any more (witness.ts). */
      readonly grantedAt: number | undefined;
    } & Unanswered)
  | ({
      readonly state: 'held';
      readonly epoch: Epoch;
      readonly serial: number;
      readonly generation: Generation;
      /** When the last write that came through was sent. */
      readonly sentAt: number;
      /** When the newest vouch that was given was asked for (witness.ts). */
      readonly vouchedAt: number | undefined;
      /** The bucket failed somebody else since the last renewal: the next one tells whether it is away. */
      readonly restless: boolean;
      /** A write met another generation than ours. */
      readonly doubted: boolean;
      readonly releasing: boolean;
    } & Unanswered)
  | { readonly state: 'released' }
  | { readonly state: 'lost'; readonly loss: Loss; readonly by: LeaseRecord | undefined };

/** What is to be done now. */
export type Decision =
  /** Read the lease and HEAD's epoch: ends in `onRead`. */
  | { readonly do: 'look' }
  /** Read the lease alone: ends in `onReadBack`. */
  | { readonly do: 'read-back' }
  /** Write, over this generation or where there is nothing: `onSent`, and then `onWritten`, `onConflict` or silence. */
  | ({ readonly do: 'write'; readonly released: boolean; readonly over: Generation | undefined } & Holding)
  | { readonly do: 'wait'; readonly until: number }
  | { readonly do: 'end' };

/** What an agent begins with. */
export const unknown: Lease = { state: 'unknown', attempts: [] };

/** What is to be done at a moment. Call `onTime` first. */
export function decide(lease: Lease, now: number, holder: HolderId, terms: Terms): Decision {
  switch (lease.state) {
    case 'unknown':
      return { do: 'look' };
    case 'vacant':
      return claim(lease.seen, holder);
    case 'taken': {
      const free = freeAt(lease, terms);
      if (now >= free) return claim(lease.seen, holder);
      const lookAt = lease.lookedAt + terms.pollMillis;
      return now >= lookAt ? { do: 'look' } : { do: 'wait', until: Math.min(lookAt, free) };
    }
    case 'held': {
      const { epoch, serial, generation, releasing, doubted } = lease;
      if (doubted) return { do: 'read-back' };
      const renewAt = renewalDueAt(lease, terms);
      if (!releasing && now < renewAt) return { do: 'wait', until: renewAt };
      return { do: 'write', epoch, serial: serial + 1, released: releasing, over: generation };
    }
    case 'released':
    case 'lost':
      return { do: 'end' };
  }
}

/** After time has passed. */
export function onTime(lease: Lease, now: number, terms: Terms): Lease {
  if (lease.state !== 'held' || now < deadlineOf(lease, terms) - terms.drainMillis) return lease;
  return { state: 'lost', loss: 'expired', by: undefined };
}

/** When a write is about to be sent; `sentAt` is read before anything of it leaves. */
export function onSent(lease: Lease, attempt: Attempt): Lease {
  if (lease.state === 'released' || lease.state === 'lost') return lease;
  return { ...lease, attempts: [...lease.attempts, attempt] };
}

/** When a write came through. */
export function onWritten(lease: Lease, attempt: Attempt, generation: Generation, now: number, terms: Terms): Lease {
  if (lease.state === 'released' || lease.state === 'lost') return lease; // a late answer changes nothing
  if (!lease.attempts.includes(attempt)) return lease;
  return settle(lease, attempt, generation, now, terms);
}

/** When a write met another generation. Perhaps that is an earlier one of ours. */
export function onConflict(lease: Lease): Lease {
  switch (lease.state) {
    case 'unknown':
    case 'vacant':
    case 'taken':
      return { state: 'unknown', attempts: lease.attempts };
    case 'held':
      return { ...lease, doubted: true };
    case 'released':
    case 'lost':
      return lease;
  }
}

/** When who does not hold it has looked; `readAt` is when the answer was there. */
export function onRead(lease: Lease, seen: Sighting, readAt: number, holder: HolderId, terms: Terms): Lease {
  if (lease.state === 'held' || lease.state === 'released' || lease.state === 'lost') return lease;
  const ours = attemptFound(lease, seen.found);
  if (ours !== undefined) return settle(lease, ours.attempt, ours.generation, readAt, terms);
  const before = lease.state === 'unknown' ? undefined : lease.seen;
  const unchanged = before !== undefined && before.found?.generation === seen.found?.generation;
  const attempts = unchanged || before === undefined ? lease.attempts : []; // over another generation none can come through
  if (isVacant(seen, holder)) return { state: 'vacant', seen, attempts };
  const stands = lease.state === 'taken' && unchanged && lease.seen.floor === seen.floor;
  const { since, grantedAt } = stands ? lease : { since: readAt, grantedAt: undefined };
  return { state: 'taken', seen, since, lookedAt: readAt, grantedAt, attempts };
}

/** When the holder has read the record back. */
export function onReadBack(lease: Lease, found: Found | undefined, now: number, holder: HolderId, terms: Terms): Lease {
  if (lease.state !== 'held') return lease;
  if (found?.generation === lease.generation) return { ...lease, doubted: false };
  const ours = attemptFound(lease, found);
  if (ours !== undefined) return settle(lease, ours.attempt, ours.generation, now, terms);
  if (found === undefined) return { state: 'lost', loss: 'removed', by: undefined };
  return { state: 'lost', loss: found.record.holder === holder ? 'copied' : 'taken', by: found.record };
}

/** When the holder wants to hand over: OpenClaw has ended and all it wrote is in the bucket. */
export function onRelease(lease: Lease): Lease {
  return lease.state === 'held' ? { ...lease, releasing: true } : lease;
}

/** When something else that was asked of the bucket failed. */
export function onBucketFailed(lease: Lease): Lease {
  return lease.state === 'held' ? { ...lease, restless: true } : lease;
}

/** Whether the lease is surely held now and for so long, and the bucket is not known to be away. */
export function isHeldFor(lease: Lease, millis: number, now: number, terms: Terms): boolean {
  return mayServe(lease, now + millis, terms) && outageSince(lease, now, terms) === undefined;
}

/** Since when the bucket has been away: when the first renewal was sent that has had no answer for long. */
export function outageSince(lease: Lease, now: number, { overdueMillis }: Terms): number | undefined {
  if (lease.state !== 'held') return undefined;
  const [first] = lease.attempts;
  return first !== undefined && now >= first.sentAt + overdueMillis ? first.sentAt : undefined;
}

/** Whether OpenClaw may be started now, perhaps on a witness's word. */
export function mayServe(lease: Lease, now: number, terms: Terms): lease is Held {
  return isSteady(lease) && now < deadlineOf(lease, terms) - terms.drainMillis;
}

/** When a holder's OpenClaw is dead: it has the time of its last renewal, or of the newest vouch if that is longer. */
export function deadlineOf({ sentAt, vouchedAt }: Held, terms: Terms): number {
  const renewed = sentAt + terms.deadlineMillis;
  if (vouchedAt === undefined) return renewed;
  return Math.max(renewed, Math.min(vouchedAt + terms.vouchDeadlineMillis, lastDeadlineOf(sentAt, terms)));
}

/** When the OpenClaw of a holder that sent its last renewal then is dead, whoever vouches. */
export function lastDeadlineOf(sentAt: number, terms: Terms): number {
  return sentAt + terms.outageDeadlineMillis;
}

/** When the next renewal is due. Who is vouched for is at rest, unless one has been sent already and has no answer. */
function renewalDueAt(
  { sentAt, vouchedAt, restless, attempts }: Held,
  { renewMillis, restMillis, trustMillis }: Terms,
): number {
  const due = sentAt + renewMillis;
  if (vouchedAt === undefined || restless || attempts.length > 0) return due;
  return Math.max(due, Math.min(sentAt + restMillis, vouchedAt + trustMillis));
}

/** When a holder that sent its last renewal then gives up unless somebody vouches. */
function giveUpAt(sentAt: number, terms: Terms): number {
  return sentAt + terms.deadlineMillis - terms.drainMillis;
}

function isSteady(lease: Lease): lease is Held {
  return lease.state === 'held' && !lease.doubted && !lease.releasing;
}

/** When no OpenClaw of what stands there can run any more. A holder whose record is gone is taken to have our own terms. */
function freeAt({ seen, since, grantedAt }: Taken, { allowance, ...own }: Terms): number {
  const { ttlMillis, witness } = seen.found?.record ?? own;
  const unrenewed = since + ttlMillis * allowance;
  if (witness === undefined) return unrenewed;
  const unvouched =
    grantedAt === undefined ? since + witness.outageMillis * allowance : grantedAt + witness.vouchMillis * allowance;
  return Math.max(unrenewed, unvouched);
}

/** Free at once: never taken, handed over, or this disk's own. One below HEAD's epoch was put back, and proves nothing. */
function isVacant({ found, floor }: Sighting, holder: HolderId): boolean {
  if (found === undefined) return floor === 0;
  const { epoch, released, holder: by } = found.record;
  return epoch >= floor && (released || by === holder);
}

/** This disk goes on under its epoch; any other begins the next. */
function claim({ found, floor }: Sighting, holder: HolderId): Decision {
  const before = found?.record;
  const goesOn = before !== undefined && before.holder === holder && before.epoch >= floor;
  const epoch = goesOn ? before.epoch : epochOf(Math.max(before?.epoch ?? 0, floor) + 1);
  return { do: 'write', epoch, serial: (before?.serial ?? 0) + 1, released: false, over: found?.generation };
}

function attemptFound(
  { attempts }: Unanswered,
  found: Found | undefined,
): { readonly attempt: Attempt; readonly generation: Generation } | undefined {
  if (found === undefined) return undefined;
  const attempt = attempts.find(({ record }) => sameWriting(record, found.record));
  return attempt && { attempt, generation: found.generation };
}

/** An attempt came through. A claim of which we learn too late to hold it is only a sighting of our own record. */
function settle(lease: Lease, attempt: Attempt, generation: Generation, now: number, terms: Terms): Lease {
  const { record, sentAt } = attempt;
  if (record.released) return { state: 'released' };
  const tooLate = now >= giveUpAt(sentAt, terms);
  if (tooLate && lease.state !== 'held') {
    return { state: 'vacant', seen: { found: { record, generation }, floor: record.epoch }, attempts: [] };
  }
  const { releasing, vouchedAt } = lease.state === 'held' ? lease : { releasing: false, vouchedAt: undefined };
  const { epoch, serial } = record;
  const settled = { restless: false, doubted: false, releasing, attempts: [] };
  return { state: 'held', epoch, serial, generation, sentAt, vouchedAt, ...settled };
}
