/**
 * A database's pages at one point in time: from the newest frame of each page, and where it has none, from the file.
 *
 * Frames alone need no pin: as long as the WAL's header is the generation's, none of its committed frames was touched.
 * The file needs one: while it is held nothing is taken into the file but frames that are read from the WAL here anyway.
 * If the WAL is restarted under a pin, the pin was at mark 0: then all frames of this image are in the file, which stays
 * as it is.
 */
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { PageRun } from '../snapshot/database-source.ts';
import type { Generation } from './wal.ts';
import type { WalFile } from './wal-file.ts';

/** Most bytes of one run. */
const runBytes = 1024 ** 2;

/** The frames of an image. */
export type ImageFrames = {
  readonly wal: WalFile;
  readonly generation: Generation;
  /** Page → its newest frame at the point in time. */
  readonly newest: ReadonlyMap<number, number>;
};

/** Where an image's bytes are. */
export type ImageSource = {
  readonly pageBytes: number;
  readonly frames: ImageFrames | undefined;
  /** The database file, held still by a pin. */
  readonly file: FileHandle | undefined;
};

/** Thrown when frames are gone and there is no pinned file to read instead. */
export class FramesGone extends Error {}

/** Reads pages, given ascending, as runs. A run's bytes are valid until the next one is asked for. */
export class ImageReader {
  readonly #source: ImageSource;
  readonly #buffer: Buffer;
  #frames: ImageFrames | undefined;

  constructor(source: ImageSource) {
    this.#source = source;
    this.#frames = source.frames;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(runBytes, source.pageBytes));
  }

  async *runs(pages: Iterable<number>, signal?: AbortSignal): AsyncGenerator<PageRun> {
    for (const { first, count } of consecutive(pages, Math.floor(this.#buffer.length / this.#source.pageBytes))) {
      signal?.throwIfAborted();
      yield { page: first, bytes: await this.#read(first, count) };
    }
  }

  async #read(first: number, count: number): Promise<Uint8Array> {
    const bytes = this.#buffer.subarray(0, count * this.#source.pageBytes);
    if (this.#frames && this.#allFrames(this.#frames, first, count)) await setImmediate();
    else await this.#readFile(first, bytes);
    if (!this.#frames || this.#readFrames(this.#frames, first, bytes)) return bytes;
    this.#frames = undefined;
    await this.#readFile(first, bytes);
    return bytes;
  }

  #allFrames({ newest }: ImageFrames, first: number, count: number): boolean {
    for (let page = first; page < first + count; page += 1) if (!newest.has(page)) return false;
    return true;
  }

  /** Lays the frames of these pages over `bytes`; false when they are gone. */
  #readFrames({ wal, generation, newest }: ImageFrames, first: number, bytes: Buffer): boolean {
    const { pageBytes } = this.#source;
    let found = 0;
    for (let at = 0; at < bytes.length; at += pageBytes) {
      const frame = newest.get(first + at / pageBytes);
      if (frame === undefined) continue;
      found += 1;
      if (!wal.readPage(generation, frame, bytes.subarray(at, at + pageBytes))) return false;
    }
    return found === 0 || wal.holds(generation);
  }

  /** What lies behind the end of the file is zero, as it is for SQLite. */
  async #readFile(first: number, bytes: Buffer): Promise<void> {
    const { file, pageBytes } = this.#source;
    if (!file) throw new FramesGone();
    let [done, read] = [0, 1];
    for (; done < bytes.length && read > 0; done += read) {
      const position = first * pageBytes + done;
      read = (await file.read(bytes, done, bytes.length - done, position)).bytesRead;
    }
    bytes.fill(0, done);
  }
}

/** Ascending pages as ranges of at most `most`. */
function* consecutive(pages: Iterable<number>, most: number): Generator<{ first: number; count: number }> {
  let [first, count] = [0, 0];
  for (const page of pages) {
    if (count > 0 && page === first + count && count < most) {
      count += 1;
      continue;
    }
    if (count > 0) yield { first, count };
    [first, count] = [page, 1];
  }
  if (count > 0) yield { first, count };
}

/** All pages from 0 on. */
export function* firstPages(pages: number): Generator<number> {
  for (let page = 0; page < pages; page += 1) yield page;
}
