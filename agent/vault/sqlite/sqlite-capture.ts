/**
 * Takes captures of SQLite databases while their owner writes them: the reader of docs/adr/0009-sqlite-capture.md.
 *
 * What changed is told from the WAL's frames, which are looked at a few times a second. Nothing is locked meanwhile and
 * nothing of the owner's is ever written. Only a capture that needs the database file itself (the first one, one after the
 * WAL was restarted, one of a database without a WAL) holds it still, for as long as it is read.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { CapturedDatabase, DatabaseCapture, DatabasePosition } from '../snapshot/database-source.ts';
import { LookPauses } from './look-pauses.ts';
import { Pins } from './pins.ts';
import { TrackedDatabase } from './tracked-database.ts';

/** What captures need. */
export type SqliteCaptureOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** A folder of our own for copies of databases without a WAL that are too large for memory. */
  readonly copies: string;
};

/** Captures of any number of databases. Close it, and none of their files is open any more. */
export class SqliteCapture implements DatabaseCapture {
  readonly #options: SqliteCaptureOptions;
  readonly #pins: Pins;
  readonly #tracked = new Map<string, TrackedDatabase>();
  readonly #closing = new AbortController();
  readonly #looking: Promise<void>;

  private constructor(options: SqliteCaptureOptions) {
    this.#options = options;
    this.#pins = new Pins(options.clock);
    this.#looking = this.#keepLooking();
  }

  /** Begins. No database is looked at before its first capture. */
  static async open(options: SqliteCaptureOptions): Promise<SqliteCapture> {
    await removeTree(options.copies); // of a process that was killed
    return new SqliteCapture(options);
  }

  async capture(
    path: string,
    since: DatabasePosition | undefined,
    signal?: AbortSignal,
  ): Promise<CapturedDatabase | undefined> {
    this.#closing.signal.throwIfAborted();
    const tracked = this.#tracked.get(path) ?? this.#track(path);
    const captured = await tracked.capture(since, signal);
    if (!captured) await this.forget(path);
    return captured;
  }

  async forget(path: string): Promise<void> {
    const tracked = this.#tracked.get(path);
    this.#tracked.delete(path);
    await tracked?.close();
  }

  /** Lets go of every database. Captures that are out can't be read any more; their positions stay good. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
    for (const path of [...this.#tracked.keys()]) await this.forget(path);
    await this.#pins.close();
    await removeTree(this.#options.copies);
  }

  #track(path: string): TrackedDatabase {
    const { clock, copies } = this.#options;
    const tracked = new TrackedDatabase(path, { clock, pins: this.#pins, aside: () => join(copies, randomUUID()) });
    this.#tracked.set(path, tracked);
    return tracked;
  }

  async #keepLooking(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    const looks = new LookPauses();
    for (let pause = looks.next([], clock.monotonic()); !signal.aborted; ) {
      await clock.sleep(pause, signal).catch(() => {});
      for (const [path, tracked] of this.#tracked) {
        // It costs at most a whole capture: the next capture looks again, and says what is wrong.
        await tracked.look().catch((err) => log.debug({ err, path }, 'looking at a database failed'));
      }
      pause = looks.next([...this.#tracked.values()], clock.monotonic());
    }
  }
}
