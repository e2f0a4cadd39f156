/** What a lease that is not held means, in words a person can act on. */
import { inOneLine, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Lease, Taken } from './lease.ts';
import type { LeaseRecord } from './lease-record.ts';
import type { Terms } from './terms.ts';

/** Why whatever needs the lease cannot be done. `where` is the lease's object. */
export function notHeld(lease: Lease, where: string): OpenCraneError {
  switch (lease.state) {
    case 'lost':
      return lossOf(lease, where);
    case 'taken':
      return new OpenCraneError(
        'failed_precondition',
        'lease_taken',
        `${where}: ${holder(lease.seen.found?.record)} has the tenant`,
        { mend: 'stop the agent there, or wait: when it is gone the lease is free after its time-to-live' },
      );
    case 'released':
      return new OpenCraneError('failed_precondition', 'lease_released', `${where}: the lease was handed over`, {
        mend: 'restart the agent to take it again',
      });
    case 'held':
      return new OpenCraneError('aborted', 'lease_expiring', `${where}: the lease is not surely held for long enough`, {
        mend: 'wait until it has been renewed',
      });
    case 'unknown':
    case 'vacant':
      return new OpenCraneError('unavailable', 'lease_not_taken', `${where}: the lease is not taken yet`, {
        mend: 'wait until the bucket answers',
      });
  }
}

/** Why a lease was lost. */
export function lossOf({ loss, by }: Extract<Lease, { state: 'lost' }>, where: string): OpenCraneError {
  switch (loss) {
    case 'expired':
      return new OpenCraneError('aborted', 'lease_expired', `${where}: the lease could not be renewed in time`, {
        mend: 'see that the bucket answers within seconds, or else the coordinator; the agent takes the lease again by itself',
      });
    case 'taken':
      return new OpenCraneError('aborted', 'lease_taken', `${where}: ${holder(by)} has taken the tenant over`, {
        mend: 'run one agent per tenant',
      });
    case 'removed':
      return new OpenCraneError('aborted', 'lease_removed', `${where}: the lease was removed`, {
        mend: 'leave the object alone while an agent runs',
      });
    case 'copied':
      return new OpenCraneError('aborted', 'lease_copied', `${where}: ${holder(by)} uses a copy of this agent's disk`, {
        mend: 'stop the agent that runs on the copy; this one goes on as another disk',
      });
  }
}

/** What keeps an agent from the lease that it has not got yet; empty when it is about to take it. `trouble` keeps it from asking. */
export function whyNotYet(lease: Lease, trouble: OpenCraneError | undefined, terms: Terms): string {
  const troubled = trouble === undefined ? '' : inOneLine(trouble);
  return [lease.state === 'taken' ? takeOver(lease, terms) : '', troubled].filter((part) => part !== '').join(': ');
}

function takeOver({ seen, grantedAt }: Taken, { allowance, ...own }: Terms): string {
  const record = seen.found?.record;
  const { ttlMillis, witness } = record ?? own;
  const unrenewed = `once that lease has not been renewed for ${Math.ceil((ttlMillis * allowance) / 1_000)} s`;
  const soon = `${holder(record)} has the tenant, which is taken over ${unrenewed}`;
  if (witness === undefined) return soon;
  if (grantedAt !== undefined) return `${soon}; the coordinator has given it up`;
  return `${soon} and the coordinator gives it up, or after ${Math.ceil((witness.outageMillis * allowance) / 60_000)} min`;
}

function holder(record: LeaseRecord | undefined): string {
  return record === undefined ? 'somebody unknown' : `${record.host} (epoch ${record.epoch})`;
}
