/** Removes what is in a folder that is a bucket: objects, what people put beside them under any name, drafts. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { Erased } from './bucket.ts';

/** Removes all of it but what begins with one of `spared`, as names of objects do. The folder itself stays. */
export async function eraseFolder(root: string, spared: readonly string[], signal?: AbortSignal): Promise<Erased> {
  return eraseBelow(root, '', spared, signal);
}

async function eraseBelow(
  root: string,
  folder: string,
  spared: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Erased> {
  let erased: Erased = { objects: 0, bytes: 0 };
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    signal?.throwIfAborted();
    const name = `${folder}${entry.name}`;
    if (spared.some((prefix) => name.startsWith(prefix))) continue;
    const holdsSpared = entry.isDirectory() && spared.some((prefix) => prefix.startsWith(`${name}/`));
    const part = holdsSpared
      ? await eraseBelow(root, `${name}/`, spared, signal)
      : await eraseEntry(join(root, name), entry);
    erased = sum(erased, part);
    if (holdsSpared) await rmdir(join(root, name)).catch(unlessFull);
  }
  return erased;
}

async function eraseEntry(path: string, entry: Dirent): Promise<Erased> {
  const size = await sizeOf(path, entry);
  await removeTree(path);
  return size;
}

/** How much there is at a path. What may not be looked at counts as nothing: it is removed all the same. */
async function sizeOf(path: string, entry: Dirent): Promise<Erased> {
  if (!entry.isDirectory()) return { objects: 1, bytes: (await lstat(path).catch(() => undefined))?.size ?? 0 };
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  let size: Erased = { objects: 0, bytes: 0 };
  for (const below of entries) size = sum(size, await sizeOf(join(path, below.name), below));
  return size;
}

function sum(one: Erased, other: Erased): Erased {
  return { objects: one.objects + other.objects, bytes: one.bytes + other.bytes };
}

function unlessFull(cause: unknown): void {
  if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(cause))) throw cause;
}
