/** Waits for facts rather than for time. For tests. */
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';

/** Thrown by a look that found out that the fact will never come. */
export class NeverError extends Error {}

/** How to wait; all in milliseconds. */
export type Patience = {
  /** By default three minutes: long enough for a slow machine, since only what hangs waits so long. */
  readonly withinMillis?: number;
  /** Between two looks; 0 lets the event loop turn once. */
  readonly everyMillis?: number;
};

/**
 * Looks until `look` returns something other than undefined or false, and returns it. A look that throws is repeated, but for
 * mistakes in the test itself. Fails, naming the fact and what was thrown last, when it does not come in time.
 */
export async function awaitFact<T>(
  fact: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMillis = 180_000, everyMillis = 100 }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + withinMillis;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = undefined;
    } catch (cause) {
      if (cause instanceof NeverError || isMistake(cause)) throw cause;
      last = cause;
    }
    if (performance.now() > deadline) throw new Error(`not within ${withinMillis} ms: ${fact}`, { cause: last });
    await (everyMillis === 0 ? turn() : wait(everyMillis));
  }
}

/** `fetch` throws a TypeError with a cause when nothing listens; one without is a defect of the test. */
function isMistake(cause: unknown): boolean {
  return cause instanceof ReferenceError || (cause instanceof TypeError && cause.cause === undefined);
}
