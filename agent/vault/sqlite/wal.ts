/**
 * SQLite's write-ahead log as bytes: https://sqlite.org/walformat.html. Pure; who reads the file is wal-file.ts.
 *
 *   header (32 bytes) │ frame 1 │ frame 2 │ …        frame = header (24 bytes) + one page
 *
 * A **generation** is what follows from one header: a restart writes a new header with other salts and begins again at
 * frame 1, over what is there. A frame counts when its salts are the header's and its checksum goes on from the frame
 * before it, so a checksum stands for all frames up to it, and the first frame that does not verify ends the generation.
 * The pages of a transaction become part of the database with its last frame, which carries the database's size.
 */
import { endianness } from 'node:os';

/** Bytes of a WAL's header. */
export const walHeaderBytes = 32;

/** Bytes of a frame's header. */
export const frameHeaderBytes = 24;

/** The running checksum: two unsigned 32-bit words. */
export type Checksum = readonly [number, number];

/** One life of a WAL. */
export type Generation = {
  /** 512 to 65,536. */
  readonly pageBytes: number;
  /** Counts up by one at each restart; random when the file is new. */
  readonly salt1: number;
  /** Random at each restart. */
  readonly salt2: number;
  /** What the checksum of frame 1 goes on from. */
  readonly checksum: Checksum;
  /** Checksums are made of big-endian words. The writer's choice; it is its machine's order. */
  readonly bigEndian: boolean;
};

/** A frame whose checksum is right. */
export type Frame = {
  /** The page it holds, counted from 0 (the file counts from 1). */
  readonly page: number;
  /** The database's size in pages when this frame ends a transaction, otherwise 0. */
  readonly commit: number;
  readonly checksum: Checksum;
};

/** What a frame's header says; whether that is so, only its checksum tells. */
export type FrameHeader = Frame & { readonly salt1: number; readonly salt2: number };

const magicLittleEndian = 0x377f0682;
const magicBigEndian = 0x377f0683;
const formatVersion = 3007000;
const machineIsBigEndian = endianness() === 'BE';

/** Reads a WAL's header; undefined when it is none, is cut short, or its own checksum is wrong: then there are no frames. */
export function parseGeneration(bytes: Uint8Array): Generation | undefined {
  if (bytes.length < walHeaderBytes) return undefined;
  const view = viewOf(bytes);
  const magic = view.getUint32(0);
  if (magic !== magicLittleEndian && magic !== magicBigEndian) return undefined;
  if (view.getUint32(4) !== formatVersion) return undefined;
  const pageBytes = view.getUint32(8);
  if (!isPageSize(pageBytes)) return undefined;
  const bigEndian = magic === magicBigEndian;
  const checksum = checksumOf(bytes.subarray(0, 24), [0, 0], bigEndian);
  if (checksum[0] !== view.getUint32(24) || checksum[1] !== view.getUint32(28)) return undefined;
  return { pageBytes, salt1: view.getUint32(16), salt2: view.getUint32(20), checksum, bigEndian };
}

/** Whether SQLite may use this page size: a power of two from 512 to 65,536. */
export function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65536 && (bytes & (bytes - 1)) === 0;
}

/** Bytes of one frame. */
export function frameBytes({ pageBytes }: { readonly pageBytes: number }): number {
  return frameHeaderBytes + pageBytes;
}

/** Where a frame begins in the file; frames are counted from 1. */
export function frameOffset(generation: { readonly pageBytes: number }, frame: number): number {
  return walHeaderBytes + (frame - 1) * frameBytes(generation);
}

/** Reads a frame's header; undefined when it is cut short. */
export function parseFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes) return undefined;
  const view = viewOf(bytes);
  return {
    page: view.getUint32(0) - 1,
    commit: view.getUint32(4),
    salt1: view.getUint32(8),
    salt2: view.getUint32(12),
    checksum: [view.getUint32(16), view.getUint32(20)],
  };
}

/** The frames at the start of `bytes` that verify, when `after` is the checksum of the frame before them. */
export function* verifyFrames(generation: Generation, after: Checksum, bytes: Uint8Array): Generator<Frame> {
  const size = frameBytes(generation);
  let running = after;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const header = parseFrameHeader(bytes.subarray(at, at + frameHeaderBytes));
    if (!header || header.salt1 !== generation.salt1 || header.salt2 !== generation.salt2) return;
    if (header.page < 0) return; // there is no page 0 in the file's counting
    running = checksumOf(bytes.subarray(at, at + 8), running, generation.bigEndian);
    running = checksumOf(bytes.subarray(at + frameHeaderBytes, at + size), running, generation.bigEndian);
    if (running[0] !== header.checksum[0] || running[1] !== header.checksum[1]) return;
    yield { page: header.page, commit: header.commit, checksum: running };
  }
}

/** Goes on with a checksum over bytes, a multiple of eight of them. */
export function checksumOf(bytes: Uint8Array, from: Checksum, bigEndian: boolean): Checksum {
  const words = wordsOf(bytes);
  if (bigEndian !== machineIsBigEndian) return checksumOfSwapped(words, from);
  let [first, second] = from;
  for (let at = 0; at + 1 < words.length; at += 2) {
    first = (first + (words[at] ?? 0) + second) | 0;
    second = (second + (words[at + 1] ?? 0) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
}

function checksumOfSwapped(words: Uint32Array, from: Checksum): Checksum {
  let [first, second] = from;
  for (let at = 0; at + 1 < words.length; at += 2) {
    first = (first + swapped(words[at] ?? 0) + second) | 0;
    second = (second + swapped(words[at + 1] ?? 0) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** The bytes as words of the machine; without a copy where they lie as words must. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const placed = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes); // a Buffer's slice() would not copy
  return new Uint32Array(placed.buffer, placed.byteOffset, placed.length >>> 2);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
