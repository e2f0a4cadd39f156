/**
 * Follows one database: tells which pages are committed anew, from look to look, and where it stands.
 *
 * It only reads, takes no lock, and nobody can notice it. Between two looks at most one restart of the WAL may happen, and
 * the new generation must still be shorter than the old one was at the first of them; else the thread is lost and told so.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { type CountedFrames, catchUp, readTo } from './catch-up.ts';
import type { ChangeLedger } from './change-ledger.ts';
import { stampOf, statOf, walPath } from './files.ts';
import type { ImageFrames } from './image.ts';
import { type FileStamp, isSameFile, type Position, sameContent } from './position.ts';
import type { Transaction } from './transaction-reader.ts';
import type { WalFile } from './wal-file.ts';
import { sameIndex, type WalIndex } from './wal-index.ts';

/** What a look that lost the thread counts for: more than could be seen. */
const tooManyFrames = 10_000;

/** How far ahead of what is committed we look for a transaction that is still being written. */
const aheadFrames = 250;

/** Whether a look came to an end; `'unclear'`: see catchUp. */
export type Look = 'clear' | 'unclear';

/** Follows one database from a position, if one is given. */
export class Follower {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #ledger: Pick<ChangeLedger, 'changed' | 'lost'>;
  #wal: { readonly file: WalFile; readonly index: WalIndex } | undefined;
  #frames: CountedFrames | undefined;
  #position: Position | undefined;
  #written = 0;

  constructor(path: string, clock: Clock, ledger: Pick<ChangeLedger, 'changed' | 'lost'>, since?: Position) {
    this.#path = path;
    this.#clock = clock;
    this.#ledger = ledger;
    this.#position = since;
  }

  /** Where the database stood at the last look that was clear; undefined when there was none. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Frames that were seen to be written, in all looks: how urgent the next one is. */
  get written(): number {
    return this.#written;
  }

  /** The frames that count at `position`; undefined when there are none. */
  get frames(): ImageFrames | undefined {
    if (!this.#wal || !this.#frames) return undefined;
    return { wal: this.#wal.file, generation: this.#frames.reader.generation, newest: this.#frames.newest };
  }

  async look(): Promise<Look> {
    const file = stampOf(this.#path, this.#clock.now());
    const known = file && this.#position && isSameFile(this.#position.file, file) ? this.#position : undefined;
    if (!file || !known || (!this.#wal && !this.#isAlone(known, file))) return await this.#lookAnew();
    if (this.#wal && !(await this.#goOn(known))) return await this.#lookAnew();
    if (this.#isMoreAhead()) this.#written += aheadFrames;
    return 'clear';
  }

  /** Takes the database file's times anew. Only under a pin, and when there are no frames: then nobody can be writing it. */
  stampAnew(): void {
    const file = stampOf(this.#path, this.#clock.now());
    if (file && this.#position) this.#position = { ...this.#position, file };
  }

  async close(): Promise<void> {
    const wal = this.#wal;
    this.#wal = undefined;
    this.#frames = undefined;
    await wal?.file.close();
  }

  /** There is no WAL, as before, and the database file is as it was. */
  #isAlone(known: Position, file: FileStamp): boolean {
    return known.wal === null && !statOf(walPath(this.#path)) && sameContent(known.file, file);
  }

  /** Goes on in the generation that is being read; false when it is another now. */
  async #goOn(known: Position): Promise<boolean> {
    const [wal, frames] = [this.#wal, this.#frames];
    const index = wal?.file.isThere() ? wal.file.index() : undefined;
    if (!wal || !index || index === 'torn' || !known.wal) return false;
    if (sameIndex(index, wal.index)) return true;
    const { salt1, salt2 } = frames?.reader.generation ?? {};
    const isSame = salt1 === index.salt1 && salt2 === index.salt2;
    const transactions = frames && isSame ? await readTo(wal.file, frames, index) : undefined;
    if (!transactions) return false;
    const { frame, checksum, pages } = index;
    this.#wal = { file: wal.file, index };
    this.#position = { ...known, pages, wal: { ...known.wal, frame, checksum } };
    this.#count(transactions);
    return true;
  }

  async #lookAnew(): Promise<Look> {
    await this.close();
    const since = this.#position;
    const found = await catchUp(this.#path, this.#clock, since);
    if (found === 'unclear') return found;
    if (found === 'none') {
      this.#position = undefined;
      this.#ledger.lost();
      return 'clear';
    }
    this.#wal = found.wal;
    this.#frames = found.frames;
    this.#position = found.position;
    if (found.changes) this.#count(found.changes);
    else {
      this.#ledger.lost();
      if (since) this.#written += tooManyFrames;
    }
    return 'clear';
  }

  #count(transactions: readonly Transaction[]): void {
    for (const { pages, databasePages } of transactions) {
      this.#ledger.changed(pages, databasePages);
      this.#written += pages.length;
    }
  }

  /** Frames of a large transaction lie in the WAL before it is committed. */
  #isMoreAhead(): boolean {
    if (!this.#wal) return false;
    const { file, index } = this.#wal;
    const generation = this.#frames?.reader.generation ?? file.generation();
    return generation?.salt1 === index.salt1 && file.hasFrame(generation, index.frame + aheadFrames);
  }
}
