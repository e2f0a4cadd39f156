/** The file an archive is written to: whole under its name, or not there. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { PutPiece } from './vault.ts';

/**
 * Has `fill` put an archive into a file. A file of that name is replaced when the archive is whole and on disk, and is
 * left alone otherwise. What is no plain file, such as a pipe, is written to as the archive comes.
 */
export async function writeArchive<T>(path: string, fill: (put: PutPiece) => Promise<T>): Promise<T> {
  const target = await targetOf(path);
  return target.plain ? writeDraft(path, target.path, fill) : writeThrough(path, fill);
}

async function writeDraft<T>(path: string, target: string, fill: (put: PutPiece) => Promise<T>): Promise<T> {
  const draft = `${target}.${randomBytes(6).toString('hex')}.draft`;
  const file = await writing(path, () => open(draft, 'wx', 0o600)); // what is in it is private
  try {
    const result = await fill((piece) => writing(path, () => file.appendFile(piece)));
    await writing(path, () => finish(file, draft, target));
    return result;
  } finally {
    await file.close().catch(() => {}); // closed already, when all went well
    await rm(draft, { force: true });
  }
}

async function finish(file: FileHandle, draft: string, target: string): Promise<void> {
  await file.sync();
  await file.close();
  await rename(draft, target);
  await syncFolder(dirname(target));
}

async function writeThrough<T>(path: string, fill: (put: PutPiece) => Promise<T>): Promise<T> {
  const file = await writing(path, () => open(path, 'w'));
  try {
    return await fill((piece) => writing(path, () => file.appendFile(piece)));
  } finally {
    await file.close();
  }
}

/** A link is followed: it stays a link to the new archive. */
async function targetOf(path: string): Promise<{ readonly path: string; readonly plain: boolean }> {
  try {
    const target = await realpath(path);
    const found = await stat(target);
    if (!found.isDirectory()) return { path: target, plain: found.isFile() };
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return { path, plain: true };
    throw unwritable(path, cause);
  }
  throw new OpenCraneError('invalid_argument', 'output_is_folder', `writing ${path}: it is a folder`, {
    field: 'output',
    mend: `name a file, such as ${path}/vault.tar`,
  });
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'output_unwritable', `writing ${path}: ${messageOf(cause)}`, {
    cause,
    field: 'output',
    mend: 'name a file in a folder that is there, can be written, and has room',
  });
}
