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

/** Frames between two looks from which on the next look is urgent: SQLite restarts a WAL after 1,000 by default. */
const burstFrames = 250;

/** How a look went. `'burst'`: much is being written; look again soon. `'unclear'`: see catchUp. */
export type Look = 'calm' | 'burst' | 'unclear';

/** Follows one database from a position, if one is given. */
export class Follower {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #ledger: Pick<ChangeLedger, 'changed' | 'lost'>;
  #wal: { readonly file: WalFile; readonly index: WalIndex } | undefined;
  #frames: CountedFrames | undefined;
  #position: Position | undefined;

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

  /** The frames that count at `position`; undefined when there are none. */
  get frames(): ImageFrames | undefined {
    if (!this.#wal || !this.#frames) return undefined;
    return { wal: this.#wal.file, generation: this.#frames.reader.generation, newest: this.#frames.newest };
  }

  async look(): Promise<Look> {
    const file = stampOf(this.#path, this.#clock.now());
    const known = file && this.#position && isSameFile(this.#position.file, file) ? this.#position : undefined;
    if (!file || !known || (!this.#wal && !this.#isAlone(known, file))) return await this.#lookAnew();
    const committed = this.#wal ? await this.#goOn(known) : 0;
    return committed === undefined ? await this.#lookAnew() : this.#calmOrBurst(committed);
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

  /** Goes on in the generation that is being read; resolves with how many frames are new, or undefined if it is not that. */
  async #goOn(known: Position): Promise<number | undefined> {
    const [wal, frames] = [this.#wal, this.#frames];
    const index = wal?.file.isThere() ? wal.file.index() : undefined;
    if (!wal || !index || index === 'torn' || !known.wal) return undefined;
    if (sameIndex(index, wal.index)) return 0;
    const { salt1, salt2 } = frames?.reader.generation ?? {};
    const isSame = salt1 === index.salt1 && salt2 === index.salt2;
    const transactions = frames && isSame ? await readTo(wal.file, frames, index) : undefined;
    if (!transactions) return undefined;
    const { frame, checksum, pages } = index;
    this.#wal = { file: wal.file, index };
    this.#position = { ...known, pages, wal: { ...known.wal, frame, checksum } };
    return this.#count(transactions);
  }

  async #lookAnew(): Promise<Look> {
    await this.close();
    const found = await catchUp(this.#path, this.#clock, this.#position);
    if (found === 'unclear') return found;
    if (found === 'none') {
      this.#position = undefined;
      this.#ledger.lost();
      return 'calm';
    }
    this.#wal = found.wal;
    this.#frames = found.frames;
    this.#position = found.position;
    if (!found.changes) this.#ledger.lost();
    return this.#calmOrBurst(this.#count(found.changes ?? []));
  }

  #count(transactions: readonly Transaction[]): number {
    let frames = 0;
    for (const { pages, databasePages } of transactions) {
      this.#ledger.changed(pages, databasePages);
      frames += pages.length;
    }
    return frames;
  }

  /** A burst: much was committed, or is about to be, since frames lie in the WAL before their transaction is committed. */
  #calmOrBurst(committed: number): Look {
    if (committed >= burstFrames) return 'burst';
    if (!this.#wal) return 'calm';
    const { file, index } = this.#wal;
    const generation = this.#frames?.reader.generation ?? file.generation();
    const ahead = generation?.salt1 === index.salt1 && file.hasFrame(generation, index.frame + burstFrames);
    return ahead ? 'burst' : 'calm';
  }
}
