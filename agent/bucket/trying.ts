/** Tries again what a moment may mend. */
import { type BackoffOptions, backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** What trying again takes. */
export type TryingPorts = {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Enough for a connection that was cut or a server that is moved; what lasts longer is the caller's to wait for. */
const ATTEMPTS = 5;
const RETRY: BackoffOptions = { firstMillis: 250, maxMillis: 4_000 };
const PATIENCE_MILLIS = 15_000;

/** Makes a call, and again while it throws `unavailable`, a few times within seconds. */
export async function trying<T>(
  { clock, random }: TryingPorts,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  const began = clock.monotonic();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (cause) {
      const last = attempt + 1 >= ATTEMPTS || clock.monotonic() - began > PATIENCE_MILLIS;
      if (last || !isUnavailable(cause)) throw cause;
    }
    await clock.sleep(backoffMillis(attempt, RETRY, random), signal);
  }
}

/** Whether an error is worth another attempt. */
export function isUnavailable(thrown: unknown): boolean {
  return thrown instanceof OpenCraneError && thrown.code === 'unavailable';
}
