/** Reads one captured database into chunks: a page each. */
import { messageOf } from '@opencrane/kit/errors.ts';
import type { ContentWriter } from '../packing/content-writer.ts';
import { type Entry, type FileEntry, isFile } from '../tree/entries.ts';
import type { Breather } from './breather.ts';
import type { CapturedDatabase, PageRun } from './database-source.ts';

/** Not given yet. */
const NONE = 0xffffffff;

/** A capture that could not be read to its end; `cause` says why. Nothing of it is stored. */
export class LostCapture extends Error {
  override readonly name = 'LostCapture';
}

/** What reading one takes. */
export type DatabaseReading = {
  readonly breather: Breather;
  /** Told how far reading has come, in bytes. */
  readonly onRead: (doneBytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
};

/** The chunks of a database: those that the capture gives, the others as the snapshot before has them. */
export async function readDatabase(
  writer: ContentWriter,
  captured: CapturedDatabase,
  parent: Entry | undefined,
  { breather, onRead, signal }: DatabaseReading,
): Promise<Pick<FileEntry, 'size' | 'chunkBytes' | 'chunks'>> {
  const { pages, pageBytes } = captured;
  if (!Number.isInteger(pages) || !Number.isInteger(Math.log2(pageBytes)))
    throw new LostCapture(`it is of ${pages} pages of ${pageBytes} bytes`);
  const chunks = new Uint32Array(pages).fill(NONE);
  if (!captured.whole) {
    if (!isFile(parent) || parent.chunkBytes !== pageBytes) throw new LostCapture('it gave changes since nothing');
    chunks.set(parent.chunks.subarray(0, pages));
  }
  for await (const { page, bytes } of readable(captured.changes(signal), signal)) {
    if (breather.isDue) await breather.breathe(signal); // pages that are known cost no waiting
    await storePages(writer, bytes, pageBytes, chunks, page);
    onRead(page * pageBytes, pages * pageBytes);
  }
  if (chunks.includes(NONE)) throw new LostCapture(`it left out page ${chunks.indexOf(NONE)} of ${pages}`);
  return { size: pages * pageBytes, chunkBytes: pageBytes, chunks };
}

async function storePages(
  writer: ContentWriter,
  bytes: Uint8Array,
  pageBytes: number,
  chunks: Uint32Array,
  first: number,
): Promise<void> {
  const count = bytes.length / pageBytes;
  if (!Number.isInteger(count) || first + count > chunks.length)
    throw new LostCapture(`it gave ${bytes.length} bytes at page ${first} of ${chunks.length}`);
  for (let run = 0; run < count; run += 1) {
    if (!writer.fits(pageBytes)) await writer.flush();
    chunks[first + run] = writer.store(bytes.subarray(run * pageBytes, (run + 1) * pageBytes));
  }
}

/** The same runs; what goes wrong with them is told from what goes wrong with the bucket. */
async function* readable(runs: AsyncIterable<PageRun>, signal: AbortSignal): AsyncGenerator<PageRun> {
  try {
    yield* runs;
  } catch (cause) {
    signal.throwIfAborted();
    throw new LostCapture(messageOf(cause), { cause });
  }
}
