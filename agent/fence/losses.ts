/** What a lease that is not held means, in words a person can act on. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Lease } from './lease.ts';
import type { LeaseRecord } from './lease-record.ts';

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

function holder(record: LeaseRecord | undefined): string {
  return record === undefined ? 'somebody unknown' : `${record.host} (epoch ${record.epoch})`;
}
