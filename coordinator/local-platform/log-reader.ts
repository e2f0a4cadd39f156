/** Reads a log's newest lines and, when asked, those that follow; a log that was rotated is followed into the new file. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';

/** A look from time to time, for file systems that tell nothing. */
const LOOK_MILLIS = 1_000;
/** The newest lines are looked for in at most this much of the file's end. */
const TAIL_BYTES = 4 * 1024 ** 2;

/** The newest `tail` lines in one batch; with `follow`, what comes after them until the signal fires. */
export async function* readLog(
  path: string,
  { tail, follow }: { readonly tail: number; readonly follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  let { lines, position, file } = await readTail(path, tail);
  if (lines.length > 0) yield lines;
  let rest = '';
  while (follow && !signal.aborted) {
    await changed(path, signal);
    const now = await stat(path).catch(() => undefined);
    // Another inode or a shorter file: it was rotated, and is read from its beginning.
    if (now === undefined) continue;
    if (now.ino !== file || now.size < position) [file, position, rest] = [now.ino, 0, ''];
    const read = await readFrom(path, position);
    position += read.length;
    const parts = (rest + read.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    lines = parts;
    if (lines.length > 0) yield lines;
  }
}

async function readTail(path: string, tail: number): Promise<{ lines: string[]; position: number; file: number }> {
  const handle = await openIfExists(path);
  if (handle === undefined) return { lines: [], position: 0, file: 0 };
  try {
    const { size, ino } = await handle.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const complete = buffer.lastIndexOf(10) + 1; // a line that is still being written comes later
    const lines = buffer.subarray(0, complete).toString('utf8').split('\n').slice(0, -1);
    return { lines: lines.slice(-tail), position: size - length + complete, file: ino };
  } finally {
    await handle.close();
  }
}

async function readFrom(path: string, position: number): Promise<Buffer> {
  const handle = await openIfExists(path);
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const { size } = await handle.stat();
    const length = Math.max(0, Math.min(size - position, TAIL_BYTES));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
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
function changed(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === null || name === basename(path)) done();
    });
    const timer = setTimeout(done, LOOK_MILLIS);
    signal.addEventListener('abort', done, { once: true });
    watcher.on('error', done);
    function done() {
      clearTimeout(timer);
      watcher.close();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
