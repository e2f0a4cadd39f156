/** The files of a folder in the order of their names as objects. */
import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import type { ObjectName } from './bucket.ts';
import { isObjectName } from './layout.ts';

/** A file that is an object. */
export type FoundFile = { readonly name: ObjectName; readonly stats: BigIntStats };

/**
 * Every object below `root` whose name begins with `prefix`. Links and names that no object may have are none of ours.
 * What is removed while we look is left out.
 */
export async function* walk(root: string, prefix: string): AsyncGenerator<FoundFile> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  for (const { entry, name } of await entriesOf(root, folder)) {
    if (entry.isDirectory()) {
      // A prefix may end within a folder's name, or go on below it.
      if (`${name}/`.startsWith(prefix)) yield* walk(root, `${name}/`);
    } else if (entry.isFile() && name.startsWith(prefix)) {
      const stats = await statsOf(join(root, name));
      if (stats?.isFile()) yield { name, stats };
    }
  }
}

/** The entries of a folder, ordered so that a walk gives whole names in order: `a-b` comes before `a/b`, by their letters. */
async function entriesOf(root: string, folder: string): Promise<{ entry: Dirent; name: ObjectName }[]> {
  return (await read(join(root, folder)))
    .flatMap((entry) => {
      const name = `${folder}${entry.name}`;
      return isObjectName(name) ? [{ entry, name, key: entry.isDirectory() ? `${entry.name}/` : entry.name }] : [];
    })
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

async function read(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    if (isNotThere(cause)) return [];
    throw cause;
  }
}

/** What a path is; undefined when, and only when, it is not there. Links are not followed. */
export async function statsOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (cause) {
    if (isNotThere(cause)) return undefined;
    throw cause;
  }
}

/** Whether an error says that there is nothing of that name; ENOTDIR: a part of the path is a file. */
export function isNotThere(thrown: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(thrown));
}
