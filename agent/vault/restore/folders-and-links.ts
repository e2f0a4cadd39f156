/** Makes the folders and links of a tree. */
import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { type SeenFile, seenFile } from '../snapshot/seen-files.ts';
import type { FolderEntry, LinkEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { Times } from './times.ts';

/** Paths below the root and what is there. */
type Entries<E> = readonly (readonly [path: string, entry: E])[];

/** Makes folders that nobody else can look into; the root is there. A folder comes before what is in it. */
export function makeFolders(root: string, folders: Entries<FolderEntry>): void {
  for (const [path] of folders) if (path !== '') mkdirSync(pathForSystem(`${root}/${path}`), { mode: 0o700 });
}

/** Makes links; returns what each looks like. */
export function makeLinks(root: string, links: Entries<LinkEntry>, times: Times): Map<string, SeenFile> {
  const seen = new Map<string, SeenFile>();
  for (const [path, { target, time }] of links) {
    const full = pathForSystem(`${root}/${path}`);
    symlinkSync(pathForSystem(target), full);
    times.setAt(full, time);
    const look = seenFile(lstatSync(full, { bigint: true }), Number.POSITIVE_INFINITY);
    if (look) seen.set(path, look);
  }
  return seen;
}

/** Gives folders their modes and times, when nothing more is put into them. */
export function finishFolders(
  root: string,
  folders: Entries<FolderEntry>,
  { times, syncEach }: { readonly times: Times; readonly syncEach: boolean },
): void {
  for (const [path, { mode, time }] of folders.toReversed()) {
    const full = pathForSystem(path === '' ? root : `${root}/${path}`);
    if (syncEach) syncOne(full);
    times.setAt(full, time);
    chmodSync(full, mode);
  }
}

function syncOne(folder: string | Buffer): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
