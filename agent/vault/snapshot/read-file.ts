/** Reads one file into chunks. */
import { type BigIntStats, closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ContentWriter } from '../packing/content-writer.ts';
import { chunksOf, FILE_CHUNK_BYTES, type FileEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import { isForbidden, isGone, READ_FLAGS } from './scan.ts';
import { looksSame, timeOf } from './seen-files.ts';

/** What came of reading a file. */
export type ReadFile =
  | {
      readonly outcome: 'read';
      readonly entry: FileEntry;
      /** How the file looked when it had been read. */
      readonly stats: BigIntStats;
      /** False: it was written to all the while, so the content may be of several moments. */
      readonly steady: boolean;
    }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'unreadable' };

/** How often a file is read that changes under our eyes. */
const TRIES = 3;

const readAsync = promisify(read);

/** Reads a file below `root`. It is read again while it changes, and said when that does not help. */
export async function readFile(
  writer: ContentWriter,
  root: string,
  path: string,
  signal: AbortSignal,
): Promise<ReadFile> {
  let file: number;
  try {
    file = openSync(pathForSystem(`${root}/${path}`), READ_FLAGS);
  } catch (cause) {
    if (isGone(cause)) return { outcome: 'gone' };
    if (isForbidden(cause)) return { outcome: 'unreadable' };
    throw cause;
  }
  try {
    return await readOpen(writer, file, signal);
  } finally {
    closeSync(file);
  }
}

async function readOpen(writer: ContentWriter, file: number, signal: AbortSignal): Promise<ReadFile> {
  let before = fstatSync(file, { bigint: true });
  if (!before.isFile()) return { outcome: 'gone' };
  for (let tries = 1; ; tries += 1) {
    const { chunks, size } = await readChunks(writer, file, Number(before.size), signal);
    const stats = fstatSync(file, { bigint: true });
    const steady = looksSame(before, stats) && size === Number(stats.size);
    if (steady || tries === TRIES) {
      const mode = Number(stats.mode) & 0o7777;
      const entry = { kind: 'file', mode, time: timeOf(stats), size, chunkBytes: FILE_CHUNK_BYTES, chunks } as const;
      return { outcome: 'read', entry, stats, steady };
    }
    before = stats;
  }
}

/** Reads up to `size` bytes; fewer when the file ends before. */
async function readChunks(writer: ContentWriter, file: number, size: number, signal: AbortSignal) {
  const chunks = new Uint32Array(chunksOf(size, FILE_CHUNK_BYTES));
  let at = 0;
  for (let chunk = 0; at < size; chunk += 1) {
    const wanted = Math.min(FILE_CHUNK_BYTES, size - at);
    if (!writer.fits(wanted)) await writer.flush();
    const bytes = await fill(file, writer.room(wanted), at, size > FILE_CHUNK_BYTES);
    if (bytes > 0) chunks[chunk] = writer.keep(bytes);
    at += bytes;
    if (bytes < wanted) return { chunks: chunks.subarray(0, chunksOf(at, FILE_CHUNK_BYTES)), size: at };
    if (chunks.length > 1) signal.throwIfAborted();
  }
  return { chunks, size };
}

/** Fills a buffer from a place in a file; says how much there was. Small files are not worth a thread of the pool. */
async function fill(file: number, target: Buffer, position: number, isLarge: boolean): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const bytes = isLarge
      ? (await readAsync(file, target, filled, target.length - filled, position + filled)).bytesRead
      : readSync(file, target, filled, target.length - filled, position + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}
