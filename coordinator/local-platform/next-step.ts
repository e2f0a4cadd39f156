/**
 * What to do about a program that is to run, as a pure function of what is observed.
 *
 *   lives, started as it would be now ─▶ adopt
 *   lives, started otherwise ──────────▶ replace     (it dials a coordinator that was here before)
 *   does not live ─────────────────────▶ start
 */
import { type BackoffOptions, backoffMillis } from '@opencrane/kit/backoff.ts';

/** What is observed of it. */
export type Observed = {
  /** 0 when it does not live. */
  readonly pid: number;
  /** What it was started with; undefined when that is not known. */
  readonly startedWith: string | undefined;
};

const RESTART: BackoffOptions = { firstMillis: 500, maxMillis: 30_000 };

/** A program that lived this long was well; its next end starts the backoff anew. */
const WELL_MILLIS = 60_000;

/** Decides. `wanted` is what it would be started with; undefined when that does not matter. */
export function nextStep({ pid, startedWith }: Observed, wanted: string | undefined): 'adopt' | 'replace' | 'start' {
  if (pid === 0) return 'start';
  return wanted === undefined || startedWith === wanted ? 'adopt' : 'replace';
}

/** How long to rest before the next start, and how many ends in a row that makes. */
export function restAfter(
  endsInARow: number,
  livedMillis: number,
  random: () => number,
): { readonly restMillis: number; readonly endsInARow: number } {
  const earlier = livedMillis >= WELL_MILLIS ? 0 : endsInARow;
  return { restMillis: backoffMillis(earlier, RESTART, random), endsInARow: earlier + 1 };
}
