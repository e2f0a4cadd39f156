/** What is done to single files of a folder. Each says by what it gives that a file is not there, or was there before. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { Generation } from './bucket.ts';
import { isNotThere, statsOf } from './folder-walk.ts';
import { generationOf } from './generation.ts';

/** Gives a draft its name where nothing has it; durable when this resolves. */
export async function publishByLink(draft: string, path: string): Promise<Generation | 'exists'> {
  await makeFolder(dirname(path));
  try {
    await link(draft, path);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return 'exists';
    throw cause;
  }
  await syncFolder(dirname(path));
  return generationOf(await lstat(draft, { bigint: true })); // the same file; under its name it may be another by now
}

/** The same without hard links. The caller holds the folder's lock. */
export async function publishByRename(draft: string, path: string): Promise<Generation | 'exists'> {
  await makeFolder(dirname(path));
  if ((await statsOf(path)) !== undefined) return 'exists';
  return moveTo(draft, path);
}

/** Puts a draft in the place of an object. The caller holds the folder's lock. */
export async function moveTo(draft: string, path: string): Promise<Generation> {
  await rename(draft, path);
  await syncFolder(dirname(path));
  return generationOf(await lstat(path, { bigint: true }));
}

/** Removes a file; durable when this resolves. The caller holds the folder's lock. */
export async function removeIfThere(path: string): Promise<void> {
  if (!(await statsOf(path))?.isFile()) return;
  await unlink(path);
  await syncFolder(dirname(path));
}

/** Opens a plain file for reading. */
export async function openIfThere(path: string): Promise<{ file: FileHandle; stats: BigIntStats } | undefined> {
  const file = await openPath(path);
  try {
    const stats = await file?.stat({ bigint: true });
    if (file !== undefined && stats?.isFile()) return { file, stats };
  } catch (cause) {
    await file?.close();
    throw cause;
  }
  await file?.close();
  return undefined;
}

/** The bytes of a file from `start` to before `end`, which are there unless it is changed meanwhile. */
export async function readPart(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, end - start));
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) {
      throw new OpenCraneError('unavailable', 'bucket_changed', 'the file was cut short while it was read');
    }
    done += bytesRead;
  }
  return bytes;
}

async function openPath(path: string): Promise<FileHandle | undefined> {
  try {
    // A link is no object; and a pipe must not keep us.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (isNotThere(cause) || systemCode(cause) === 'ELOOP') return undefined;
    throw cause;
  }
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}
