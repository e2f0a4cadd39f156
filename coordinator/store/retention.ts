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
export type RetentionParts = { readonly retained: readonly Retained[]; readonly clock: Clock; readonly log: Logger };

const EVERY_MILLIS = 3_600_000;

/** Rows of one batch: some milliseconds on either database. */
const BATCH = 500;

/** Between two batches: with it a million rows take some four minutes, and writers have most of the time. */
const PAUSE_MILLIS = 100;

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
    const { retained, clock } = this.#parts;
    while (!signal.aborted) {
      for (const one of retained) await this.#prune(one, signal);
      await clock.sleep(EVERY_MILLIS, signal).catch(() => {});
    }
  }

  async #prune({ what, keptMillis, prune }: Retained, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const before = clock.now() - keptMillis;
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
