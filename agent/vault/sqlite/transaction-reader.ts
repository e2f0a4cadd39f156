/** Puts a generation's frames together to transactions: pure. */
import { type Checksum, frameBytes, type Generation, verifyFrames } from './wal.ts';

/** A frame of a generation, and the checksum up to it. Frame 0 is the generation's header. */
export type Link = { readonly frame: number; readonly checksum: Checksum };

/** A transaction in the WAL. */
export type Transaction = {
  /** The first of its frames. */
  readonly first: number;
  /** The page of each of its frames, in their order. */
  readonly pages: readonly number[];
  /** The database's size after it, in pages. */
  readonly databasePages: number;
  /** Its last frame. */
  readonly end: Link;
};

/** Reads one generation, frame after frame. */
export class TransactionReader {
  readonly generation: Generation;
  #read: Link;
  #open: number[] = [];

  /** Begins after `from`, which ends a transaction; by default at the first frame. */
  constructor(generation: Generation, from: Link = { frame: 0, checksum: generation.checksum }) {
    this.generation = generation;
    this.#read = from;
  }

  /** The frame that `read` goes on with. */
  get next(): number {
    return this.#read.frame + 1;
  }

  /** Whether the last frame that was read does not end a transaction. */
  get insideTransaction(): boolean {
    return this.#open.length > 0;
  }

  /** Takes bytes that begin with frame `next`, up to the first frame that does not verify. */
  *read(bytes: Uint8Array): Generator<Transaction> {
    for (const { page, commit, checksum } of verifyFrames(this.generation, this.#read.checksum, bytes)) {
      this.#read = { frame: this.#read.frame + 1, checksum };
      this.#open.push(page);
      if (commit === 0) continue;
      const pages = this.#open;
      this.#open = [];
      yield { first: this.#read.frame - pages.length + 1, pages, databasePages: commit, end: this.#read };
    }
  }

  /** How many whole frames fit into so many bytes; at least one. */
  framesIn(bytes: number): number {
    return Math.max(1, Math.floor(bytes / frameBytes(this.generation)));
  }
}
