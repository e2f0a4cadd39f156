/** The part of a tree that is restored: what is below a path, seen from there. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Entry, FolderEntry, LinkEntry } from '../tree/entries.ts';
import { isFile } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { TargetFile } from './file-writer.ts';

/** Entries by kind; paths are relative to the folder that is made. Folders come before what is in them. */
export type Part = {
  readonly folders: readonly (readonly [path: string, entry: FolderEntry])[];
  readonly links: readonly (readonly [path: string, entry: LinkEntry])[];
  readonly files: readonly TargetFile[];
};

/** All of a tree, or what is at `path`: a folder becomes the root, anything else lies in it under its own name. */
export function partOfTree({ entries }: TreeIndex, path = ''): Part {
  const top = entries.get(path);
  if (!top) {
    throw new OpenCraneError('not_found', 'path_not_found', `there is no ${path || 'tree'} in this snapshot`, {
      field: 'path',
      mend: 'write it as it is below the state folder, such as agents/main',
    });
  }
  const part = {
    folders: [] as [string, FolderEntry][],
    links: [] as [string, LinkEntry][],
    files: [] as TargetFile[],
  };
  for (const [inside, entry] of below(entries, path, top)) {
    if (isFile(entry)) part.files.push({ path: inside, entry });
    else if (entry.kind === 'folder') part.folders.push([inside, entry]);
    else part.links.push([inside, entry]);
  }
  part.folders.sort(([a], [b]) => (a < b ? -1 : 1));
  return part;
}

function* below(entries: ReadonlyMap<string, Entry>, path: string, top: Entry): Generator<[string, Entry]> {
  if (path === '') return yield* entries;
  if (top.kind !== 'folder') {
    yield ['', ROOT];
    return yield [path.slice(path.lastIndexOf('/') + 1), top];
  }
  yield ['', top];
  for (const [full, entry] of entries) if (full.startsWith(`${path}/`)) yield [full.slice(path.length + 1), entry];
}

/** A folder for a part that is none. */
const ROOT: FolderEntry = { kind: 'folder', mode: 0o700, time: { seconds: 0, nanoseconds: 0 } };
