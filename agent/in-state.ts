/**
 * What the agent keeps within the tenant's state, in its folder `.opencrane/`. The tenant can put anything there: a link to
 * somewhere else, a pipe, a file where the folder should be. None of it is read, written through, or keeps OpenClaw from starting.
 */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';

/** Neither through a link, nor waiting for whoever writes into a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** More is no record of ours: the largest are documents of configuration, which the coordinator limits to a few MiB. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Reads a file there; undefined for what is not there, or is no file that the agent could have written. */
export async function readInState(path: string): Promise<string | undefined> {
  try {
    if (!(await isOurFolder(dirname(path)))) return undefined;
    const file = await open(path, FLAGS);
    try {
      const found = await file.stat();
      return found.isFile() && found.size <= MOST_BYTES ? await file.readFile('utf8') : undefined;
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isLackOfTheMachine(cause)) throw cause; // there may be one
    return undefined;
  }
}

/** Writes a file there, whole or not at all, and only when it would change: each writing is a change that a snapshot stores. */
export async function writeInState(path: string, text: string): Promise<void> {
  if (text === (await readInState(path))) return;
  const folder = dirname(path);
  if (!(await isOurFolder(folder))) await removeTree(folder); // a link goes, not what it leads to
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if ((await kindOf(path)) === 'folder') await removeTree(path); // anything else the rename replaces
  await writeFileAtomically(path, text, 0o600);
}

/** Removes a file there, whatever it is. */
export async function removeInState(path: string): Promise<void> {
  if (await isOurFolder(dirname(path))) await removeTree(path);
}

async function isOurFolder(folder: string): Promise<boolean> {
  return (await kindOf(folder)) === 'folder';
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'none'> {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'other';
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 'none';
    throw cause;
  }
}
