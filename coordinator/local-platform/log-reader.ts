/** Reads a log's newest lines and, when asked, those that follow; a log that is rotated is followed into the new file. */
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';

/** A look from time to time, for file systems that tell nothing and folders that are not there yet. */
const LOOK_MILLIS = 1_000;
/** At most this much is read at once; the newest lines are looked for in this much of the file's end. */
const READ_BYTES = 4 * 1024 ** 2;

const NEWLINE = 10;

/** Where in which file we are. */
type Place = { readonly file: number; readonly position: number };

/** The newest `tail` lines in one batch; with `follow`, what comes after them until the signal fires. */
export async function* readLog(
  path: string,
  { tail, follow }: { readonly tail: number; readonly follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const first = await readTail(path, tail);
  if (first.lines.length > 0) yield first.lines;
  let { place } = first;
  while (follow && !signal.aborted) {
    const next = await readNext(path, place);
    place = next.place;
    if (next.lines.length > 0) yield next.lines;
    else await changed(path, signal);
  }
}

async function readTail(path: string, tail: number): Promise<{ lines: readonly string[]; place: Place }> {
  const handle = await openIfExists(path);
  if (handle === undefined) return { lines: [], place: { file: 0, position: 0 } };
  try {
    const { size, ino } = await handle.stat();
    const from = Math.max(0, size - READ_BYTES);
    const { lines, read } = completeLines(await readAt(handle, from, size - from));
    return { lines: lines.slice(-tail), place: { file: ino, position: from + read } };
  } finally {
    await handle.close();
  }
}

/** The complete lines after a place; a line that is still being written comes when it is complete. */
async function readNext(path: string, place: Place): Promise<{ lines: readonly string[]; place: Place }> {
  const handle = await openIfExists(path);
  if (handle === undefined) return { lines: [], place };
  try {
    const { size, ino } = await handle.stat();
    const rotated = place.file !== 0 && (ino !== place.file || size < place.position);
    const before = rotated ? await readRest(`${path}.1`, place.position) : [];
    const from = rotated || place.file === 0 ? 0 : place.position;
    const { lines, read } = completeLines(await readAt(handle, from, Math.min(size - from, READ_BYTES)));
    return { lines: [...before, ...lines], place: { file: ino, position: from + read } };
  } finally {
    await handle.close();
  }
}

/** What the older file holds after the place where we were, whether it was renamed or copied. */
async function readRest(path: string, position: number): Promise<readonly string[]> {
  const handle = await openIfExists(path);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    return completeLines(await readAt(handle, position, Math.min(Math.max(0, size - position), READ_BYTES))).lines;
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** The lines that have an end, and how many bytes they are. A line too long to be read at once is cut. */
function completeLines(bytes: Buffer): { readonly lines: readonly string[]; readonly read: number } {
  const read = bytes.lastIndexOf(NEWLINE) + 1 || (bytes.length === READ_BYTES ? bytes.length : 0);
  const text = bytes.subarray(0, read).toString('utf8');
  return { lines: text === '' ? [] : text.replace(/\n$/, '').split('\n'), read };
}

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/** Resolves when the log may have changed, or the signal fires. */
async function changed(path: string, signal: AbortSignal): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LOOK_MILLIS);
  const watcher = watchFolder(path, resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  // What was written between our last look and the watcher's first is not told.
  const now = await stat(path).catch(() => undefined);
  if (now?.size === before?.size && now?.ino === before?.ino) await promise;
  clearTimeout(timer);
  watcher?.close();
}

function watchFolder(path: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === null || name === basename(path)) changed();
    });
    return watcher.on('error', changed);
  } catch {
    return undefined; // no such folder yet: the look from time to time finds it
  }
}
