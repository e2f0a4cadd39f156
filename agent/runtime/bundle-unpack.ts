/** Runs `unpack-main.ts` and understands what it says. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { linesOf } from '@opencrane/kit/lines.ts';
import { z } from 'zod';

const line = z.union([
  z.object({ doneBytes: z.number() }),
  z.object({ finished: z.literal(true) }),
  z.object({ failed: z.object({ reason: z.string(), systemCode: z.string(), message: z.string() }) }),
]);

/** A line of `unpack-main.ts`. */
export type UnpackLine = z.infer<typeof line>;

/** Unpacks a bundle file into a folder that does not exist yet; resolves when the tree is whole. */
export async function unpackBundle(
  bundle: string,
  folder: string,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const main = fileURLToPath(new URL('./unpack-main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, bundle, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2000);
  });
  child.stdin.on('error', () => {}); // it ended before we did
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve(killedBy ?? `code ${code}`));
  });
  try {
    const [how, last] = await Promise.all([ended, lastLine(child.stdout, progress)]);
    signal.throwIfAborted();
    conclude(last, how, words);
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** The last line; undefined when that is no line of `unpack-main.ts`, as when it was killed while it wrote. */
async function lastLine(stdout: AsyncIterable<Buffer>, progress: (doneBytes: number) => void) {
  let last: UnpackLine | undefined;
  for await (const text of linesOf(stdout)) {
    last = parseLine(text);
    if (last !== undefined && 'doneBytes' in last) progress(last.doneBytes);
  }
  return last;
}

function parseLine(text: string): UnpackLine | undefined {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function conclude(last: UnpackLine | undefined, how: string, words: string): void {
  if (last !== undefined && 'finished' in last) return;
  if (last === undefined || !('failed' in last)) {
    const said = words.trim();
    throw new OpenCraneError(
      'aborted',
      'unpack_ended',
      `unpacking the bundle: its process ended with ${how}${said && `: ${said}`}`,
      { mend: 'perhaps for its memory; order it again' },
    );
  }
  const { reason, systemCode, message } = last.failed;
  if (systemCode === 'ENOSPC') throw diskFull('unpacking the bundle');
  throw new OpenCraneError('data_loss', reason || 'unpack_failed', message, { mend: 'nothing of it was run' });
}

/** The error of a disk that took no more. */
export function diskFull(doing: string, cause?: unknown): OpenCraneError {
  return new OpenCraneError('resource_exhausted', 'disk_full', `${doing}: the disk is full`, {
    cause,
    mend: 'free about 1 GB and try again; what serves was not touched',
  });
}
