/** Which files take long to read, and how far they are: for people. */
import type { Clock } from '@opencrane/kit/clock.ts';

/** A file that takes long. */
export type SlowFile = {
  readonly path: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Since when it is read, or waits to be, on the monotonic clock. */
  readonly sinceMillis: number;
};

/** Why the newest content of a file is not stored yet. */
export function whySlow({ doneBytes, totalBytes }: Pick<SlowFile, 'doneBytes' | 'totalBytes'>): string {
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(2);
  return `it takes long to read: ${gib(doneBytes)} of ${gib(totalBytes)} GiB so far`;
}

/** Told of no more often, and not before. */
const TELL_MILLIS = 5_000;

/** The progress of one snapshotter. */
export class ReadingProgress {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #onSlow: () => void;
  readonly #files = new Map<string, SlowFile>();
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `onSlow` is called now and then while a file takes long. */
  constructor(clock: Pick<Clock, 'monotonic'>, onSlow: () => void) {
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  /** So far reading a file has come. */
  at(path: string, doneBytes: number, totalBytes: number): void {
    const now = this.#clock.monotonic();
    const sinceMillis = this.#files.get(path)?.sinceMillis ?? now;
    this.#files.set(path, { path, doneBytes, totalBytes, sinceMillis });
    if (now - sinceMillis < TELL_MILLIS || now - this.#toldAt < TELL_MILLIS) return;
    this.#toldAt = now;
    this.#onSlow();
  }

  /** It takes no longer. */
  end(path: string): void {
    this.#files.delete(path);
  }

  /** All but these have come to an end. */
  keepOnly(paths: { readonly has: (path: string) => boolean }): void {
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
  }

  /** The files, the one that takes longest first. */
  get files(): readonly SlowFile[] {
    return [...this.#files.values()].sort((a, b) => a.sinceMillis - b.sinceMillis);
  }
}
