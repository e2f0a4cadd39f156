/**
 * Which writing of a file: the time of its last change, to the nanosecond, and its size.
 *
 * Not the inode: a disk gives a number again as soon as it is free, gcsfuse gives one file several. Clocks of file systems tick
 * in milliseconds, and several writings fit into one, so on disks the time is set: somewhere within the last second by chance,
 * and after that of the writing that is replaced. On gcsfuse it is the server's, to the microsecond.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, utimes } from 'node:fs/promises';
import type { Generation } from './bucket.ts';

/** The generation of a file. */
export function generationOf(stats: BigIntStats): Generation {
  return `${stats.mtimeNs}-${stats.size}` as Generation; // the one place where a folder's generations are made
}

/** Gives a draft a time of change that no other writing of its object is likely to have. */
export async function stamp(draft: string, nowMillis: number, random: () => number): Promise<void> {
  const seconds = (nowMillis - random() * 1000) / 1000;
  await utimes(draft, seconds, seconds);
}

/** Moves a draft's time of change past that of the writing it replaces, by the smallest step that the file system can tell. */
export async function stampAfter(draft: string, replacedNs: bigint): Promise<void> {
  for (const stepNs of [1e3, 1e6, 1e9, 2e9]) {
    if ((await lstat(draft, { bigint: true })).mtimeNs > replacedNs) return;
    const seconds = (Number(replacedNs) + stepNs) / 1e9;
    await utimes(draft, seconds, seconds);
  }
}
