/** Writes an archive to a file, which is there when it is whole, or to standard output. */
import { once } from 'node:events';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { ArchiveTarget } from './order.ts';

/** Writes it. A file must not be there yet. */
export async function writeArchive(target: ArchiveTarget, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  if (target.to === 'standard output') return writeToStream(process.stdout, pieces);
  const draft = `${target.path}.${process.pid}.draft`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      for await (const piece of pieces) await writeWhole(file, piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, target.path); // other than a renaming it takes nobody's place
    await syncFolder(dirname(target.path));
  } catch (cause) {
    throw systemCode(cause) === '' ? cause : unwritable(target.path, cause);
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeWhole(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let written = 0; written < piece.length; ) {
    const { bytesWritten } = await file.write(piece, written);
    written += bytesWritten;
  }
}

/** Resolves when the stream has taken everything; throws when whoever reads it is gone. */
async function writeToStream(stream: Writable, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // told with the next piece
  stream.once('error', (cause) => failed.reject(unwritable('standard output', cause)));
  for await (const piece of pieces)
    if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), failed.promise]);
  await Promise.race([new Promise<void>((resolve) => stream.write('', () => resolve())), failed.promise]);
}

function unwritable(where: string, cause: unknown): OpenCraneError {
  const isThere = systemCode(cause) === 'EEXIST';
  return new OpenCraneError(
    isThere ? 'already_exists' : 'failed_precondition',
    'output_unwritable',
    `writing ${where}: ${messageOf(cause)}`,
    {
      field: '--output',
      mend: isThere ? 'name a file that is not there yet' : 'check the place and its free space',
      cause,
    },
  );
}
