/** Calls that end when their signal fires. */
import { isAbort, OpenCraneError } from '@opencrane/kit/errors.ts';

/** What a promise gives, or the signal's reason as soon as it fires. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const fired = Promise.withResolvers<never>();
  const onAbort = () => fired.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, fired.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Runs a call; when it ended because its signal fired, the error says what was being done. Other errors pass through. */
export async function underSignal<T>(
  doing: string,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await call();
  } catch (cause) {
    throw interrupted(doing, signal, cause);
  }
}

/** `cancelled` or `deadline_exceeded` when a thrown value is only that the signal fired; else the value itself. */
export function interrupted(doing: string, signal: AbortSignal | undefined, thrown: unknown): unknown {
  if (!signal?.aborted || (thrown !== signal.reason && !isAbort(thrown))) return thrown;
  const late = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return late
    ? new OpenCraneError('deadline_exceeded', 'deadline_exceeded', `${doing}: it took too long`, { cause: thrown })
    : new OpenCraneError('cancelled', 'cancelled', `${doing}: cancelled`, { cause: thrown });
}
