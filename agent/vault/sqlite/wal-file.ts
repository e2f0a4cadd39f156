/** A database's WAL and its index, open for reading: thin. No bytes of theirs are locked by us, so closing them does no harm. */
import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { indexPath, openIfThere, readAt, statOf, walPath } from './files.ts';
import type { Link, Transaction, TransactionReader } from './transaction-reader.ts';
import {
  type FrameHeader,
  frameBytes,
  frameHeaderBytes,
  frameOffset,
  type Generation,
  parseFrameHeader,
  parseGeneration,
  walHeaderBytes,
} from './wal.ts';
import { parseWalIndex, type WalIndex, walIndexBytes } from './wal-index.ts';

/** Frames of the first read where it is not known how many there are. It doubles from read to read. */
const firstFrames = 8;

/** Most bytes of one read. */
const mostBytes = 1024 ** 2;

/** An open WAL. It may be unlinked, cut or begun again at any time. */
export class WalFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #index: FileHandle | undefined;
  readonly inode: string;

  private constructor(path: string, file: FileHandle, index: FileHandle | undefined) {
    this.#path = path;
    this.#file = file;
    this.#index = index;
    this.inode = inodeOf(file);
  }

  /** The WAL of the database at `path`; undefined when it has none. */
  static async open(path: string): Promise<WalFile | undefined> {
    const file = await openIfThere(walPath(path));
    try {
      return file && new WalFile(path, file, await openIfThere(indexPath(path)));
    } catch (cause) {
      await file?.close();
      throw cause;
    }
  }

  /** Whether these are still the files beside the database. */
  isThere(): boolean {
    const [file, index] = [statOf(walPath(this.#path)), statOf(indexPath(this.#path))];
    return String(file?.ino) === this.inode && String(index?.ino) === String(this.#index && inodeOf(this.#index));
  }

  /** What the index says now; `'torn'`: it is just being written. Undefined: nobody has made one. */
  index(): WalIndex | 'torn' | undefined {
    const bytes = this.#index && readAt(this.#index, 0, walIndexBytes);
    return bytes?.length === walIndexBytes ? (parseWalIndex(bytes) ?? 'torn') : undefined;
  }

  /** The generation that the file begins with now; undefined when it begins with none. */
  generation(): Generation | undefined {
    return parseGeneration(readAt(this.#file, 0, walHeaderBytes));
  }

  /** Whether a generation is still the one in the file: then none of its committed frames was touched. */
  holds({ salt1, salt2 }: { readonly salt1: number; readonly salt2: number }): boolean {
    const now = this.generation();
    return now?.salt1 === salt1 && now.salt2 === salt2;
  }

  get bytes(): number {
    return fstatSync(this.#file.fd).size;
  }

  /** Whether a frame of this generation lies at that place, committed or not. */
  hasFrame(generation: Generation, frame: number): boolean {
    const there = this.#frameHeader(generation, frame);
    return there?.salt1 === generation.salt1 && there.salt2 === generation.salt2;
  }

  /** Whether a frame is still the one that was read; with it, all before it are. */
  hasLink(generation: Generation, { frame, checksum }: Link): boolean {
    const there = this.#frameHeader(generation, frame)?.checksum;
    return this.hasFrame(generation, frame) && there?.[0] === checksum[0] && there[1] === checksum[1];
  }

  /** The transactions from where the reader is, up to frame `last`, or as far as frames verify. */
  async *transactions(reader: TransactionReader, last = Number.POSITIVE_INFINITY): AsyncGenerator<Transaction> {
    const { generation } = reader;
    const most = reader.framesIn(mostBytes);
    for (
      let wanted = Number.isFinite(last) ? most : Math.min(firstFrames, most);
      ;
      wanted = Math.min(wanted * 2, most)
    ) {
      const first = reader.next;
      const count = Math.min(wanted, last - first + 1);
      if (count <= 0 || !this.hasFrame(generation, first)) return;
      yield* reader.read(await this.#frames(generation, first, count));
      if (reader.next < first + count) return;
    }
  }

  /** Reads a frame's page into `into`; false when the file ends before it. */
  readPage(generation: Generation, frame: number, into: Uint8Array): boolean {
    const offset = frameOffset(generation, frame) + frameHeaderBytes;
    return readSync(this.#file.fd, into, 0, generation.pageBytes, offset) === generation.pageBytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#index?.close();
  }

  async #frames(generation: Generation, first: number, most: number): Promise<Uint8Array> {
    const offset = frameOffset(generation, first);
    const bytes = Buffer.allocUnsafeSlow(Math.min(most * frameBytes(generation), Math.max(0, this.bytes - offset)));
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  }

  #frameHeader(generation: Generation, frame: number): FrameHeader | undefined {
    return parseFrameHeader(readAt(this.#file, frameOffset(generation, frame), frameHeaderBytes));
  }
}

function inodeOf(file: FileHandle): string {
  return String(fstatSync(file.fd, { bigint: true }).ino);
}
