/**
 * Removes what is older than it is to be kept, every hour: a batch at a time, each a short transaction of its own with a
 * pause after it, so that whoever writes meanwhile hardly waits.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';

/** Something that grows, and how long it is kept. */
export type Retained = {
  /** For the log, such as `events`. */
  readonly what: string;
  readonly keptMillis: number;
  /** Removes the oldest of what is from before a time, at most so many; resolves with how many that were. */
  readonly prune: (before: number, most: number) => Promise<number>;
};

/** What the loop takes. */
export type RetentionParts = {
  readonly retained: readonly Retained[];
  /** When the newest event was recorded, by the clock of then; undefined when there is none. */
  readonly newestAt: () => Promise<number | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
};

const EVERY_MILLIS = 3_600_000;

/** Rows of one batch: some milliseconds on either database. */
const BATCH = 500;

/** Between two batches: with it a million rows take some four minutes, and writers have most of the time. */
const PAUSE_MILLIS = 100;

/** A clock may have gone on by so much, and no more, since the newest event before this start. */
const DAY = 24 * 3_600_000;

/**
 * The time by which things are old. A clock that is ahead makes everything old at once; what it looks like is a coordinator that
 * was off for long. Such time does not count until the next start: then what was kept meanwhile is of that time, too.
 */
export function certainTime(
  nowMillis: number,
  atStart: { readonly newestAt: number | undefined; readonly sinceMillis: number },
): number {
  const { newestAt, sinceMillis } = atStart;
  return newestAt === undefined ? nowMillis : Math.min(nowMillis, newestAt + DAY + sinceMillis);
}

/** The loop. */
export class RetentionLoop implements Part {
  readonly name = 'retention';
  readonly #parts: RetentionParts;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort('the coordinator stops');
    await this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { retained, newestAt, clock, log } = this.#parts;
    const started = clock.monotonic();
    let newest: { readonly at: number | undefined } | undefined;
    while (!signal.aborted) {
      try {
        newest ??= { at: await newestAt() };
        const atStart = { newestAt: newest.at, sinceMillis: clock.monotonic() - started };
        const now = certainTime(clock.now(), atStart);
        for (const one of retained) await this.#prune(one, now, signal);
      } catch (err) {
        log.warn({ err }, 'what is old is not known; it is tried again in an hour');
      }
      await clock.sleep(EVERY_MILLIS, signal).catch(() => {});
    }
  }

  async #prune({ what, keptMillis, prune }: Retained, now: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const before = now - keptMillis;
    let removed = 0;
    try {
      for (let full = true; full && !signal.aborted; ) {
        const count = await prune(before, BATCH);
        removed += count;
        full = count === BATCH;
        if (full) await clock.sleep(PAUSE_MILLIS, signal).catch(() => {});
      }
    } catch (err) {
      log.warn({ err, what }, 'old rows could not be removed; it is tried again in an hour');
    }
    if (removed > 0) log.info({ what, removed }, 'removed what was kept long enough');
  }
}
