/** Moves a folder to another place of its file system, whatever the modes of it and of the folders around it are. */
import { chmod, lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from './errors.ts';

/**
 * Renames it. Nobody may take a folder out of one that is read-only, put one there, or move a read-only one to another folder
 * (its `..` is written), not even its owner. What is opened up for that has its mode back afterwards.
 */
export async function moveTree(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (systemCode(cause) !== 'EACCES') throw cause;
    await moveOpened(from, to);
  }
}

async function moveOpened(from: string, to: string): Promise<void> {
  const closeAgain: (() => Promise<void>)[] = [];
  let moved = false;
  const open = async (path: string, pathNow: () => string) => {
    const stats = await lstat(path);
    if (!stats.isDirectory() || (stats.mode & 0o300) === 0o300) return;
    await chmod(path, 0o700);
    closeAgain.push(() => chmod(pathNow(), stats.mode & 0o7777));
  };
  try {
    for (const around of new Set([dirname(from), dirname(to)])) await open(around, () => around);
    await open(from, () => (moved ? to : from));
    await rename(from, to);
    moved = true;
  } finally {
    for (const close of closeAgain.toReversed()) await close();
  }
}
