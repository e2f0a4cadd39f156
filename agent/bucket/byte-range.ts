/** Parts of objects. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ByteRange } from './bucket.ts';

/** Throws `invalid_argument` unless a range is one: whole numbers, not negative, in order. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end) return;
  throw new OpenCraneError('invalid_argument', 'range_invalid', `bytes ${start} to ${end} are no part of an object`);
}
