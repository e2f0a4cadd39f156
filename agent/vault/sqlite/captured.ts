/** Captures as they are handed out: one that lies in memory, and one that is read while a pin holds it. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { CapturedDatabase, PageRun } from '../snapshot/database-source.ts';
import { pinLost } from './pin-process.ts';
import type { Pin } from './pins.ts';
import type { Position } from './position.ts';

/** A capture without its pages. */
export type Captured = { readonly position: Position; readonly whole: boolean };

/** Told once, when the capture is let go of. */
export type Released = (stored: boolean) => void;

/** How long a reader may leave a pin held without reading: its bucket may be away, and OpenClaw must not feel that. */
const idleMillis = 30_000;

/** A capture whose pages are in memory. Nothing is held for it. */
export function capturedInMemory(
  { position, whole }: Captured,
  runs: readonly PageRun[],
  released: Released,
): CapturedDatabase {
  return {
    pageBytes: position.pageBytes,
    pages: position.pages,
    whole,
    position,
    async *changes(signal) {
      for (const run of runs) {
        signal?.throwIfAborted();
        yield run;
      }
    },
    async release(stored) {
      released(stored);
    },
  };
}

/** What a capture that is still to be read holds. */
export type Holding = {
  readonly runs: (signal?: AbortSignal) => AsyncIterable<PageRun>;
  /** Undefined: what is read is a copy of our own. */
  readonly pin: Pin | undefined;
  /** Closes and takes away what it reads from. */
  readonly close: () => Promise<void>;
  readonly clock: Clock;
};

/** A capture that is read while it is asked for. */
export class HeldCapture implements CapturedDatabase {
  readonly pageBytes: number;
  readonly pages: number;
  readonly whole: boolean;
  readonly position: Position;
  readonly #holding: Holding;
  readonly #released: Released;
  #lastRead: number;
  #closed = false;

  constructor({ position, whole }: Captured, holding: Holding, released: Released) {
    this.pageBytes = position.pageBytes;
    this.pages = position.pages;
    this.whole = whole;
    this.position = position;
    this.#holding = holding;
    this.#released = released;
    this.#lastRead = holding.clock.monotonic();
  }

  async *changes(signal?: AbortSignal): AsyncGenerator<PageRun> {
    const { runs, pin, clock } = this.#holding;
    const reading = runs(signal)[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#whileHeld(() => reading.next());
      this.#lastRead = clock.monotonic();
      if (next.done) break;
      yield next.value;
    }
    await pin?.check();
    await pin?.release();
  }

  /** What was read counts only if it is held still after that: then it was all the time. */
  async #whileHeld<T>(read: () => Promise<T>): Promise<T> {
    const isHeld = () => !this.#closed && (this.#holding.pin?.held ?? true);
    try {
      if (!isHeld()) throw pinLost();
      const bytes = await read();
      if (isHeld()) return bytes;
    } catch (cause) {
      if (isHeld()) throw cause;
    }
    throw pinLost();
  }

  /** Lets go of the pin when it was not used for long: the reading then fails, and is begun anew some time. */
  async releaseIfIdle(): Promise<void> {
    if (this.#holding.clock.monotonic() - this.#lastRead > idleMillis) await this.#holding.pin?.release();
  }

  async release(stored: boolean): Promise<void> {
    this.#closed = true;
    await this.#holding.pin?.release();
    await this.#holding.close().catch(() => {}); // a file that was only read, or a copy whose folder is gone
    this.#released(stored);
  }
}
