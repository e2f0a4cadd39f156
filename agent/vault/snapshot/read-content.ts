/**
 * Reads the content of a file into chunks, a part at a time when it is large. Holes are not read: where the content lies is
 * asked of the operating system, if it can be asked (docs/adr/0025).
 */
import { fstatSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ContentWriter } from '../packing/content-writer.ts';
import { ChunkList } from '../tree/chunk-list.ts';
import { chunksOf, FILE_CHUNK_BYTES } from '../tree/entries.ts';
import { contentPlaces, type Holes } from './content-runs.ts';
import { whyUnread } from './unread.ts';

/** What reading takes. */
export type ContentPorts = {
  readonly writer: ContentWriter;
  /** Tells where the content lies; undefined: all of it is read. */
  readonly holes: Holes | undefined;
  /** Told how far reading has come, in bytes. */
  readonly onRead: (bytes: number) => void;
  /** Whether something else is to have its turn now. */
  readonly isPauseDue: () => boolean;
  readonly signal: AbortSignal;
};

/** How far reading has come: all before a place, counted in chunks, is in the list. */
export type ReadUpTo = { readonly list: ChunkList; readonly place: number };

/** What came of it. The file may have been shorter than it was said to be. */
export type ReadContent =
  | { readonly outcome: 'whole'; readonly list: ChunkList; readonly size: number }
  | ({ readonly outcome: 'paused' } & ReadUpTo)
  | { readonly outcome: 'gone' };

/** An error of the file system, as opposed to one of the bucket that the content goes to. */
export class UnreadableContent extends Error {
  override readonly name = 'UnreadableContent';
}

/** How many chunks of a large file are read before it is looked whether it is still there, and who waits: 16 MiB. */
const LOOK_CHUNKS = 64;

const readAsync = promisify(read);

/** Reads up to `size` bytes, after what was read already. A file that was deleted meanwhile is let go. */
export async function readContent(
  ports: ContentPorts,
  file: number,
  size: number,
  begun: ReadUpTo | undefined,
): Promise<ReadContent> {
  const { writer, signal, onRead, isPauseDue } = ports;
  const list = begun?.list.copy() ?? new ChunkList();
  const places = chunksOf(size, FILE_CHUNK_BYTES);
  let count = 0;
  for (const place of await placesToRead(ports, file, begun?.place ?? 0, places)) {
    const end = await readChunk(writer, file, place, size, list);
    if (end < Math.min((place + 1) * FILE_CHUNK_BYTES, size)) return { outcome: 'whole', list, size: end };
    if (places > 1) signal.throwIfAborted();
    count += 1;
    if (count % LOOK_CHUNKS !== 0) continue;
    if (fstatSync(file).nlink === 0) return { outcome: 'gone' };
    onRead(end);
    if (isPauseDue() && end < size) return { outcome: 'paused', list, place: place + 1 };
  }
  return { outcome: 'whole', list, size };
}

async function placesToRead({ holes }: ContentPorts, file: number, from: number, places: number) {
  try {
    return await contentPlaces(holes, file, from, places);
  } catch (cause) {
    throw new UnreadableContent(why(cause), { cause });
  }
}

/** Reads the chunk at a place; returns where in the file that came to an end. */
async function readChunk(
  writer: ContentWriter,
  file: number,
  place: number,
  size: number,
  list: ChunkList,
): Promise<number> {
  const at = place * FILE_CHUNK_BYTES;
  const wanted = Math.min(FILE_CHUNK_BYTES, size - at);
  if (!writer.fits(wanted)) await writer.flush();
  const bytes = await fill(file, writer.room(wanted), at, size > FILE_CHUNK_BYTES);
  if (bytes > 0) list.add(place, writer.keep(bytes));
  return at + bytes;
}

/** Throws what says nothing about the file. */
export function why(cause: unknown): string {
  const words = whyUnread(cause);
  if (words === undefined) throw cause;
  return words;
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
