/** Writes files whose content comes in pieces, in any order, and finishes each when its last piece is there. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  openSync,
  writeSync,
} from 'node:fs';
import type { FileEntry, FileTime } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { Piece } from './write-order.ts';

/** A file to be written. */
export type TargetFile = { readonly path: string; readonly entry: FileEntry };

/** What writing takes. */
export type FileWriterPorts = {
  /** The folder. */
  readonly root: string;
  readonly files: readonly TargetFile[];
  /** Whether to force each file to the disk. */
  readonly syncEach: boolean;
  /** Called when a file is whole, with what it looks like. */
  readonly onFinished: (path: string, stats: BigIntStats) => void;
};

/** Files that are open at once; most come whole out of one frame and never wait. */
const OPEN_FILES = 64;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** Nobody else reads a file before it has its own mode. */
const DRAFT_MODE = 0o600;

/** The writer of the files below one folder. */
export class FileWriter {
  readonly #ports: FileWriterPorts;
  /** Chunks of each file that are not written yet. */
  readonly #missing: Uint32Array;
  /** 1: the file is there, if only in part. */
  readonly #isThere: Uint8Array;
  /** By number; the one that was used last comes last. */
  readonly #open = new Map<number, number>();

  constructor(ports: FileWriterPorts) {
    this.#ports = ports;
    this.#missing = Uint32Array.from(ports.files, ({ entry }) => entry.chunks.length);
    this.#isThere = new Uint8Array(ports.files.length);
  }

  /** Writes the files that have no content. */
  writeEmpty(): void {
    for (const [file, missing] of this.#missing.entries())
      if (missing === 0) this.#finish(file, this.#descriptor(file));
  }

  /** Writes a piece of a frame. */
  write({ file, position, offset, bytes, chunks }: Piece, plain: Uint8Array): void {
    const descriptor = this.#descriptor(file);
    for (let written = 0; written < bytes; )
      written += writeSync(descriptor, plain, offset + written, bytes - written, position + written);
    const missing = (this.#missing[file] ?? 0) - chunks;
    this.#missing[file] = missing;
    if (missing === 0) this.#finish(file, descriptor);
  }

  /** Closes what is open. */
  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #descriptor(file: number): number {
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
    this.#open.set(file, descriptor);
    return descriptor;
  }

  #closeOldest(): void {
    const [oldest] = this.#open.size < OPEN_FILES ? [] : this.#open;
    if (!oldest) return;
    this.#open.delete(oldest[0]);
    closeSync(oldest[1]);
  }

  #finish(file: number, descriptor: number): void {
    const { path, entry } = this.#file(file);
    const time = secondsOf(entry.time);
    if (entry.mode !== DRAFT_MODE) fchmodSync(descriptor, entry.mode);
    futimesSync(descriptor, time, time);
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

/** A time as Node sets it: a number of seconds, whose steps are a quarter of a microsecond in this century. */
export function secondsOf({ seconds, nanoseconds }: FileTime): number {
  return seconds + nanoseconds / 1e9;
}
