/** Ends a call to the bucket or the coordinator in time, whatever that does. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/**
 * What `work` resolves with, within `millis`. Throws `deadline_exceeded` when there is nothing by then, and an AbortError
 * when `stop` fires; the call is told to end in both cases, and not waited for.
 */
export async function inTime<T>(
  clock: Clock,
  millis: number,
  where: string,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  const late = clock.sleep(millis, signal).then(() => {
    throw tooSlow(where, millis);
  });
  try {
    return await Promise.race([(async () => work(signal))(), late]);
  } finally {
    over.abort();
  }
}

function tooSlow(where: string, millis: number): OpenCraneError {
  return new OpenCraneError('deadline_exceeded', 'answer_late', `${where}: no answer within ${Math.round(millis)} ms`, {
    mend: 'see why it is slow, or cannot be reached',
  });
}
