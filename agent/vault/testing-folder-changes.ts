/** Random changes of a folder, for property tests. */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, type Stats, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';

/** A change of something at a path. */
export type FolderChange =
  | { readonly do: 'write' | 'remove' | 'link'; readonly path: string }
  | { readonly do: 'move'; readonly path: string; readonly to: string };

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));

/** Changes; few names, so that one often meets what another has left. */
export const anyFolderChange: fc.Arbitrary<FolderChange> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('write', 'remove', 'link'), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move'), path, to: path }) },
);

/**
 * Makes a change; whatever is in its way goes. Returns the folders in which something changed by it, relative to `root`.
 * `content` is what is written.
 */
export function changeFolder(root: string, change: FolderChange, content: string): string[] {
  switch (change.do) {
    case 'write':
      return [...makeWay(root, change.path), ...put(root, change.path, (full) => writeFileSync(full, content))];
    case 'link':
      return [...makeWay(root, change.path), ...put(root, change.path, (full) => symlinkSync(content, full))];
    case 'remove':
      return statsOf(join(root, change.path)) ? put(root, change.path, () => {}) : [];
    case 'move':
      return move(root, change.path, change.to);
  }
}

function move(root: string, from: string, to: string): string[] {
  if (`${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`) || !statsOf(join(root, from))) return [];
  const changed = [...foldersBelow(root, from), ...makeWay(root, to)];
  // What was in the way of the target may have been what was to be moved.
  if (!statsOf(join(root, from))) return changed;
  changed.push(...put(root, to, (full) => renameSync(join(root, from), full)));
  return [...changed, folderOf(from), ...foldersBelow(root, to)];
}

/** Folders on the way to a path. */
function makeWay(root: string, to: string): string[] {
  const folder = folderOf(to);
  if (folder === '' || statsOf(join(root, folder))?.isDirectory()) return [];
  return [...makeWay(root, folder), ...put(root, folder, (full) => mkdirSync(full)), folder];
}

/** Puts something in the place of whatever is there. */
function put(root: string, at: string, make: (full: string) => void): string[] {
  const changed = [folderOf(at), ...foldersBelow(root, at)];
  rmSync(join(root, at), { recursive: true, force: true });
  make(join(root, at));
  return changed;
}

function foldersBelow(root: string, from: string): string[] {
  if (!statsOf(join(root, from))?.isDirectory()) return [];
  return [from, ...readdirSync(join(root, from)).flatMap((each) => foldersBelow(root, `${from}/${each}`))];
}

/** Of what is at a path; undefined when nothing is. */
export function statsOf(full: string): Stats | undefined {
  try {
    return lstatSync(full, { throwIfNoEntry: false });
  } catch {
    return undefined; // on its way lies a file
  }
}

function folderOf(at: string): string {
  const folder = dirname(at);
  return folder === '.' ? '' : folder;
}
