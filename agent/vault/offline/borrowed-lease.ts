/**
 * The tenant's lease, for as long as something takes. Nobody who lives is made to lose it: whoever renews it while we look has
 * the tenant. When nobody does for its time-to-live, it is free; one for which a coordinator may vouch is only after an
 * outage's time, since there is nobody to ask here.
 */
import { type ErrorCode, messageOf, type OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ReportProgress } from '../../appliers/applier.ts';
import { Fence, type FencePorts } from '../../fence/fence.ts';
import { type LeaseRecord, sameWriting } from '../../fence/lease-record.ts';
import { notHeld } from '../../fence/losses.ts';

/** What taking it takes: what a fence does, but for what OpenClaw needs. */
export type BorrowPorts = Omit<FencePorts, 'launcher' | 'witness' | 'forgetHolder' | 'onLost'> & {
  readonly report: ReportProgress;
};

/** Does work under the lease, and hands it over. The work's signal fires when the lease is lost. */
export async function withLease<T>(
  { report, ...ports }: BorrowPorts,
  work: (lease: Pick<Fence, 'assertHeld' | 'epoch'>, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const lost = new AbortController();
  const fence = new Fence({
    ...ports,
    launcher: { hold: async () => {} }, // no OpenClaw runs by this lease
    witness: undefined,
    forgetHolder: async () => {},
    onLost: (why) => lost.abort(why),
  });
  fence.start();
  try {
    const where = `${ports.bucket.address}/${ports.name}`;
    await whenFree(fence, where, { report, ...ports }, AbortSignal.any([signal, lost.signal]));
    return await work(fence, AbortSignal.any([signal, lost.signal]));
  } catch (cause) {
    throw lost.signal.aborted ? lost.signal.reason : cause;
  } finally {
    await fence
      .release()
      .catch((cause: unknown) => report('lease', `the lease runs out by itself: ${messageOf(cause)}`));
    await fence.stop();
  }
}

/** What may be over the next time that the bucket is asked. */
const passing: ReadonlySet<ErrorCode> = new Set(['unavailable', 'deadline_exceeded', 'cancelled', 'aborted']);

/** A bucket that is away for longer is told to whoever waits. */
const AWAY_MILLIS = 60_000;

function mayPass({ code }: OpenCraneError, sinceMillis: number): boolean {
  return passing.has(code) && sinceMillis <= AWAY_MILLIS;
}

function atMost({ ttlMillis, witness }: LeaseRecord): string {
  if (witness === undefined) return `${ttlMillis / 1000} s at most`;
  const minutes = Math.ceil(witness.outageMillis / 60_000);
  return `${minutes} min at most, because it may be serving without its bucket; through the coordinator it takes less than one`;
}

/**
 * Waits until the lease is held; throws `lease_taken` as soon as somebody is seen to renew it, and what is wrong with it or the
 * bucket when no waiting mends that.
 */
async function whenFree(
  fence: Fence,
  where: string,
  { report, clock }: Pick<BorrowPorts, 'report' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const refusal = new AbortController();
  let first: LeaseRecord | undefined;
  let troubledSince: number | undefined;
  const look = () => {
    const { lease, trouble } = fence.standing;
    troubledSince = trouble && (troubledSince ?? clock.monotonic());
    if (trouble && !mayPass(trouble, clock.monotonic() - (troubledSince ?? 0))) refusal.abort(trouble);
    const record = lease.state === 'taken' ? lease.seen.found?.record : undefined;
    if (record === undefined) return;
    if (first === undefined) report('lease', `waiting whether ${record.host} still has the tenant, ${atMost(record)}`);
    first ??= record;
    if (!sameWriting(first, record)) refusal.abort(notHeld(lease, where));
  };
  const off = fence.onChange(look);
  look();
  try {
    await fence.whenHeld(AbortSignal.any([signal, refusal.signal]));
  } catch (cause) {
    throw refusal.signal.aborted ? refusal.signal.reason : cause;
  } finally {
    off();
  }
}
