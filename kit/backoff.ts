/** Exponential backoff with full jitter: each wait is drawn evenly from 0 to a ceiling that doubles. */

/** Bounds of a backoff, in milliseconds. */
export type BackoffOptions = { readonly firstMillis: number; readonly maxMillis: number };

/** The wait before attempt number `attempt` (0 is the first retry). `random` is in [0, 1). */
export function backoffMillis(attempt: number, options: BackoffOptions, random: () => number): number {
  return Math.floor(random() * backoffCeiling(attempt, options));
}

/** The longest wait that attempt `attempt` can draw. */
export function backoffCeiling(attempt: number, { firstMillis, maxMillis }: BackoffOptions): number {
  // 2^31 is far past any cap; bounding the exponent keeps the product finite.
  return Math.min(maxMillis, firstMillis * 2 ** Math.min(attempt, 31));
}

/** A value moved by up to `share` of itself either way, so that many peers don't act at one moment. */
export function jitter(value: number, share: number, random: () => number): number {
  return value * (1 + share * (2 * random() - 1));
}
