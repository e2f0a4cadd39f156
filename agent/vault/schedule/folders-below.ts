/** The folders of a state in which changes matter. */
import { lstatSync, readdirSync } from 'node:fs';
import { type ForeignMounts, foreignMounts } from '../snapshot/foreign-mounts.ts';
import { isLeftOut } from '../snapshot/left-out.ts';

/** A folder and every one below it that snapshots take, relative to `root`, which is the empty path. Without such a folder: none. */
export function foldersBelow(root: string, from = ''): string[] {
  if (!isFolder(root, from)) return [];
  const [folders, foreign] = [[from], foreignMounts(root)];
  for (const folder of folders) folders.push(...foldersIn(root, folder, foreign));
  return folders;
}

/** The folders right in a folder that snapshots take. One that is gone has none, and a foreign mount is not touched. */
export function foldersIn(root: string, folder: string, foreign: ForeignMounts): string[] {
  const folders: string[] = [];
  for (const entry of entriesOf(folder === '' ? root : `${root}/${folder}`)) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !isLeftOut(path) && !foreign.has(path)) folders.push(path);
  }
  return folders;
}

/** Whether there is a folder. */
export function isFolder(root: string, path: string): boolean {
  try {
    return lstatSync(`${root}/${path}`, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false; // on its way lies what is none
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // the snapshot itself says what could not be read
  }
}
