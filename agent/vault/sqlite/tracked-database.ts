/**
 * One database under capture.
 *
 *   capture ─▶ look ─┬─ nothing changed, or little, and all of it in the WAL ─▶ read it at once; no pin
 *                    └─ otherwise: pin ─▶ look again ─┬─ little to read ─▶ read it at once, let go
 *                                                     ├─ WAL mode ─▶ hand it out, held until it is read
 *                                                     └─ rollback mode ─▶ copy the file, let go, hand the copy out
 */
import { fstatSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { jsonEquals } from '@opencrane/kit/canonical-json.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { CapturedDatabase, DatabasePosition } from '../snapshot/database-source.ts';
import { type Captured, capturedInMemory, HeldCapture } from './captured.ts';
import { ChangeLedger } from './change-ledger.ts';
import { grainMillis, openIfThere, pageBytesOf, replacedMeanwhile } from './files.ts';
import { Follower, type Look } from './follower.ts';
import { FramesGone } from './image.ts';
import type { Pin, Pins } from './pins.ts';
import { type Position, parsePosition } from './position.ts';
import { inMemory, memoryBytes, type Pages, readPinned } from './read-pinned.ts';

/** What a tracked database uses. */
export type TrackingPorts = {
  readonly clock: Clock;
  readonly pins: Pick<Pins, 'take'>;
  /** A path of its own for a copy, each time. */
  readonly aside: () => string;
};

/** Follows one database from capture to capture. */
export class TrackedDatabase {
  readonly #path: string;
  readonly #ports: TrackingPorts;
  #ledger = new ChangeLedger();
  #follower: Follower;
  /** The stored capture that the ledger counts from. */
  #stored: DatabasePosition | undefined;
  #out: CapturedDatabase | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** How many wait for their turn, or have it. */
  #turns = 0;

  constructor(path: string, ports: TrackingPorts) {
    this.#path = path;
    this.#ports = ports;
    this.#follower = new Follower(path, ports.clock, this.#ledger);
  }

  /** See DatabaseCapture. */
  capture(since: DatabasePosition | undefined, signal?: AbortSignal): Promise<CapturedDatabase | undefined> {
    return this.#inTurn(async () => {
      if (this.#out) throw stillOut(this.#path);
      await this.#countFrom(since);
      const seen = await this.#follower.look();
      const captured = seen === 'unclear' ? undefined : await this.#captureFrames(signal);
      return captured ?? (await this.#captureUnderPin(signal));
    });
  }

  /** Keeps up with the database; see Follower.look. While a capture is made, that looks. */
  async look(): Promise<Look> {
    if (this.#out instanceof HeldCapture) await this.#out.releaseIfIdle();
    return this.#turns > 0 ? 'clear' : await this.#inTurn(() => this.#follower.look());
  }

  /** See Follower.written. */
  get written(): number {
    return this.#follower.written;
  }

  /** Lets go of the database's files. */
  async close(): Promise<void> {
    const out = this.#out;
    this.#out = undefined;
    await out?.release(false);
    await this.#inTurn(() => this.#follower.close());
  }

  /** Looks and captures must not see each other's halves. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns += 1;
    const done = this.#turn.then(work).finally(() => {
      this.#turns -= 1;
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Makes the ledger count from this stored capture; it does already unless we are new, or captures were lost. */
  async #countFrom(since: DatabasePosition | undefined): Promise<void> {
    if (since !== undefined && jsonEquals(since, this.#stored)) return;
    const position = parsePosition(since);
    await this.#follower.close();
    this.#ledger = new ChangeLedger(position?.pages);
    this.#follower = new Follower(this.#path, this.#ports.clock, this.#ledger, position);
    this.#stored = since;
  }

  /** A capture from frames alone; undefined when it takes more. */
  async #captureFrames(signal: AbortSignal | undefined): Promise<CapturedDatabase | undefined> {
    const { position } = this.#follower;
    const pages = position && this.#ledger.pages(position.pages);
    if (!pages || pages.length * position.pageBytes > memoryBytes) return undefined;
    const frames = this.#follower.frames;
    if (!pages.every((page) => frames?.newest.has(page))) return undefined;
    try {
      const runs = await inMemory({ pageBytes: position.pageBytes, frames, file: undefined }, pages, signal);
      return this.#handOut({ position, whole: false }, (captured, released) =>
        capturedInMemory(captured, runs, released),
      );
    } catch (cause) {
      if (cause instanceof FramesGone) return undefined;
      throw cause;
    }
  }

  async #captureUnderPin(signal: AbortSignal | undefined): Promise<CapturedDatabase | undefined> {
    const file = await openIfThere(this.#path);
    if (!file) return undefined;
    let [pin, kept]: [Pin | undefined, boolean] = [undefined, false];
    try {
      // Looked at first: a file that is empty may be locked for other reasons, and is none either way.
      if (pageBytesOf(file) === undefined) return undefined;
      pin = await this.#ports.pins.take(this.#path, signal);
      const position = pin && (await this.#lookUnderPin(file, signal));
      if (!pin || !position) return undefined;
      const known = this.#ledger.pages(position.pages);
      const pages: Pages = known ?? { allOf: position.pages };
      const { clock, aside } = this.#ports;
      const { pageBytes } = position;
      const read = await readPinned(
        {
          ...{ path: this.#path, file, pin, pageBytes, pages, length: position.pages },
          ...{ frames: this.#follower.frames, clock, aside: aside() },
        },
        signal,
      );
      const what = { position, whole: !known };
      kept = 'runs' in read && read.pin === pin;
      return this.#handOut(what, (captured, released) =>
        'runs' in read ? new HeldCapture(captured, read, released) : capturedInMemory(captured, read, released),
      );
    } finally {
      if (!kept) {
        await pin?.release();
        await file.close();
      }
    }
  }

  /** The position that the pin holds still, or one that came after it in the WAL; undefined when there is no database. */
  async #lookUnderPin(file: FileHandle, signal: AbortSignal | undefined): Promise<Position | undefined> {
    if ((await this.#follower.look()) === 'unclear') throw unclear(this.#path);
    const { position } = this.#follower;
    // Nothing but the file's times will tell next time that it is unchanged; under the pin they can be waited for.
    const alone = (position?.wal?.frame ?? 0) === 0;
    if (position && alone && !position.file.settled) {
      await this.#ports.clock.sleep(grainMillis + 1, signal);
      this.#follower.stampAnew();
    }
    const settled = this.#follower.position;
    if (settled && settled.file.inode !== String(fstatSync(file.fd, { bigint: true }).ino))
      throw replacedMeanwhile(this.#path);
    return settled;
  }

  #handOut(
    captured: Captured,
    make: (captured: Captured, released: (stored: boolean) => void) => CapturedDatabase,
  ): CapturedDatabase {
    const ledger = this.#ledger;
    ledger.takeOut(captured.position.pages);
    const out = make(captured, (stored) => {
      ledger.takeBack(stored);
      if (this.#out !== out) return; // closed meanwhile
      this.#out = undefined;
      if (stored) this.#stored = captured.position;
    });
    this.#out = out;
    return out;
  }
}

function stillOut(path: string): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'capture_not_released',
    `capturing ${path}: the capture before is out`,
    {
      field: path,
      mend: 'release every capture before the next snapshot; this is a defect of OpenCrane',
    },
  );
}

function unclear(path: string): OpenCraneError {
  return new OpenCraneError(
    'unavailable',
    'database_unclear',
    `reading ${path}: its WAL and the index of it don't agree`,
    {
      field: path,
      mend: 'it is tried again with the next snapshot; if it stays so, restart OpenClaw, which mends it as it opens it',
    },
  );
}
