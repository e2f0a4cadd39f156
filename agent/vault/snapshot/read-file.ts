/** Reads one file into chunks. */
import { type BigIntStats, closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ContentWriter } from '../packing/content-writer.ts';
import { chunksOf, FILE_CHUNK_BYTES, type FileEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import { READ_FLAGS } from './scan.ts';
import { looksSame, timeOf } from './seen-files.ts';
import { isGone, whyUnread } from './unread.ts';

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
  | { readonly outcome: 'unreadable'; readonly why: string };

/** How often a file is read that changes under our eyes. */
const TRIES = 3;

/** Of `blocks` in stat(2), whatever the file system's own blocks are. */
const BLOCK_BYTES = 512n;
/** Zeros of holes are read at 1 to 4 GB/s: so many cost seconds. */
const MOST_HOLE_BYTES = 16n * 1024n ** 3n;
/** How many chunks of a large file are read before it is looked whether it is still there: 16 MiB. */
const LOOK_CHUNKS = 64;

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
    return { outcome: 'unreadable', why: why(cause) };
  }
  try {
    return await readOpen(writer, file, signal);
  } catch (cause) {
    if (!(cause instanceof UnreadableContent)) throw cause;
    return { outcome: 'unreadable', why: cause.message };
  } finally {
    closeSync(file);
  }
}

/** An error of the file system, as opposed to one of the bucket that the content goes to. */
class UnreadableContent extends Error {
  override readonly name = 'UnreadableContent';
}

/** Throws what says nothing about the file. */
function why(cause: unknown): string {
  const words = whyUnread(cause);
  if (words === undefined) throw cause;
  return words;
}

async function readOpen(writer: ContentWriter, file: number, signal: AbortSignal): Promise<ReadFile> {
  let before = fstatSync(file, { bigint: true });
  if (!before.isFile()) return { outcome: 'gone' };
  for (let tries = 1; ; tries += 1) {
    const why = whyTooSparse(before);
    if (why !== undefined) return { outcome: 'unreadable', why };
    const read = await readChunks(writer, file, Number(before.size), signal);
    if (read === 'gone') return { outcome: 'gone' };
    const { chunks, size } = read;
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

/**
 * Why a file is not read: a file of terabytes that takes no room on the disk is read as zeros for hours, and everything else
 * would wait for it. Node cannot ask where the content lies (SEEK_DATA). Undefined: it is read.
 */
export function whyTooSparse({ size, blocks }: Pick<BigIntStats, 'size' | 'blocks'>): string | undefined {
  const onDisk = blocks * BLOCK_BYTES;
  if (size - onDisk <= MOST_HOLE_BYTES) return undefined;
  const gib = (bytes: bigint) => `${(Number(bytes) / 1024 ** 3).toFixed(1)} GiB`;
  return `it is sparse: ${gib(size)} long, of which ${gib(onDisk)} are on the disk; holes of more than ${gib(MOST_HOLE_BYTES)} are not read`;
}

/** Reads up to `size` bytes; fewer when the file ends before. A file that was deleted meanwhile is let go. */
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
    if (chunk % LOOK_CHUNKS === LOOK_CHUNKS - 1 && fstatSync(file).nlink === 0) return 'gone';
  }
  return { chunks, size };
}

/** Fills a buffer from a place in a file; says how much there was. Small files are not worth a thread of the pool. */
async function fill(file: number, target: Buffer, position: number, isLarge: boolean): Promise<number> {
  let filled = 0;
  try {
    while (filled < target.length) {
      const bytes = isLarge
        ? (await readAsync(file, target, filled, target.length - filled, position + filled)).bytesRead
        : readSync(file, target, filled, target.length - filled, position + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
  } catch (cause) {
    throw new UnreadableContent(why(cause), { cause });
  }
  return filled;
}
