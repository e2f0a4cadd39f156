/** Numbers of revisions, events and snapshots as they are typed: what fits into the contracts' int64. */
import { z } from 'zod';

const MOST = 2n ** 63n - 1n;

/** A whole number from `least` on. */
export function int64(least: bigint) {
  return z.coerce.bigint().min(least, `must be ${least} or more`).max(MOST, `must be ${MOST} or less`);
}

/** Whether a number from 0 on fits. */
export function isInt64(value: bigint): boolean {
  return value <= MOST;
}
