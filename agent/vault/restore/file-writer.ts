/** Writes files whose content comes in pieces, in any order, and finishes each when its last piece is there. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { FileEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { Times } from './times.ts';
import type { Piece } from './write-order.ts';

/** A file to be written. */
export type TargetFile = { readonly path: string; readonly entry: FileEntry };

/** What writing takes. */
export type FileWriterPorts = {
  /** The folder. */
  readonly root: string;
  readonly files: readonly TargetFile[];
  readonly times: Times;
  /** Whether to force each file to the disk. */
  readonly syncEach: boolean;
  /** Called when a file is whole, with what it looks like. */
  readonly onFinished: (path: string, stats: BigIntStats) => void;
};

/** Files that are open at once; most come whole out of one frame and never wait. */
const OPEN_FILES = 64;
/**
 * From here on a piece is written by a thread of the pool: taking a frame of 256 KiB into the page cache costs the kernel as
 * much as unpacking it, which the others do meanwhile. For a small file the way to the pool and back would cost more.
 */
const POOL_BYTES = 64 * 1024;
/** What the file systems that people have keep at least; chunks begin at a multiple of it. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);
const writeInPool = promisify(write);
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** Nobody else reads a file before it has its own mode. */
const DRAFT_MODE = 0o600;

/** A file that is open, and how many of its pieces are being written. */
type OpenFile = { readonly descriptor: number; writes: number };

/** The writer of the files below one folder. */
export class FileWriter {
  readonly #ports: FileWriterPorts;
  /** Chunks of each file that are not written yet. */
  readonly #missing: Uint32Array;
  /** 1: the file is there, if only in part. */
  readonly #isThere: Uint8Array;
  /** By number; the one that was used last comes last. */
  readonly #open = new Map<number, OpenFile>();

  constructor(ports: FileWriterPorts) {
    this.#ports = ports;
    this.#missing = Uint32Array.from(ports.files, ({ entry }) => entry.chunks.length);
    this.#isThere = new Uint8Array(ports.files.length);
  }

  /** Writes the files that have no content. */
  writeEmpty(): void {
    for (const [file, missing] of this.#missing.entries())
      if (missing === 0) this.#finish(file, this.#openFile(file).descriptor);
  }

  /** Writes a piece of a frame; the bytes are not used any more when it resolves. */
  async write(piece: Piece, plain: Uint8Array): Promise<void> {
    const open = this.#openFile(piece.file);
    open.writes += 1;
    try {
      const write = mayHaveHoles(this.#file(piece.file).entry) ? writeContent : writeAll;
      await write(open.descriptor, piece, plain);
    } finally {
      open.writes -= 1;
    }
    const missing = (this.#missing[piece.file] ?? 0) - piece.chunks;
    this.#missing[piece.file] = missing;
    if (missing === 0) this.#finish(piece.file, open.descriptor);
  }

  /** Closes what is open; nothing is being written. */
  close(): void {
    for (const { descriptor } of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #openFile(file: number): OpenFile {
    const known = this.#open.get(file);
    if (known !== undefined) {
      this.#open.delete(file);
      this.#open.set(file, known);
      return known;
    }
    this.#closeOldest();
    const path = pathForSystem(`${this.#ports.root}/${this.#file(file).path}`);
    const descriptor = openSync(path, this.#isThere[file] === 1 ? constants.O_WRONLY : CREATE, DRAFT_MODE);
    this.#isThere[file] = 1;
    const open = { descriptor, writes: 0 };
    this.#open.set(file, open);
    return open;
  }

  #closeOldest(): void {
    if (this.#open.size < OPEN_FILES) return;
    for (const [file, { descriptor, writes }] of this.#open) {
      if (writes > 0) continue;
      this.#open.delete(file);
      closeSync(descriptor);
      return;
    }
  }

  #finish(file: number, descriptor: number): void {
    const { path, entry } = this.#file(file);
    if (mayHaveHoles(entry)) ftruncateSync(descriptor, entry.size); // it may end in a hole
    if (entry.mode !== DRAFT_MODE) fchmodSync(descriptor, entry.mode);
    this.#ports.times.set(descriptor, entry.time);
    if (this.#ports.syncEach) fsyncSync(descriptor);
    this.#ports.onFinished(path, fstatSync(descriptor, { bigint: true }));
    this.#open.delete(file);
    closeSync(descriptor);
  }

  #file(file: number): TargetFile {
    const target = this.#ports.files[file];
    if (!target) throw new RangeError(`file ${file} of ${this.#ports.files.length}`);
    return target;
  }
}

/**
 * Whether blocks of zeros stay holes. Holes that are shorter than a chunk are read as zeros, and a file that has some in each
 * would take many times the room that it took.
 */
function mayHaveHoles({ kind, size, chunkBytes, extents }: FileEntry): boolean {
  return extents !== undefined || (kind === 'file' && size > chunkBytes);
}

/** Writes all but blocks of zeros. */
async function writeContent(descriptor: number, { position, offset, bytes, ...piece }: Piece, plain: Uint8Array) {
  let begin = 0;
  const writeUpTo = async (end: number) => {
    const part = { ...piece, position: position + begin, offset: offset + begin, bytes: end - begin };
    if (part.bytes > 0) await writeAll(descriptor, part, plain);
  };
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    if (plain[offset + at] !== 0) continue; // nearly all of them
    const block = plain.subarray(offset + at, offset + Math.min(at + BLOCK_BYTES, bytes));
    if (ZEROS.compare(block, 0, block.length, 0, block.length) !== 0) continue;
    await writeUpTo(at);
    begin = at + block.length;
  }
  await writeUpTo(bytes);
}

async function writeAll(descriptor: number, { position, offset, bytes }: Piece, plain: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes; ) {
    const rest = [plain, offset + written, bytes - written, position + written] as const;
    written +=
      bytes < POOL_BYTES ? writeSync(descriptor, ...rest) : (await writeInPool(descriptor, ...rest)).bytesWritten;
  }
}
