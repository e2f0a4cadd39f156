/** The part of a tree that is restored: what is below a path, seen from there. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Entry, FileEntry, FolderEntry, LinkEntry } from '../tree/entries.ts';
import { firstNameOf, isFile, underName } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { TargetFile } from './file-writer.ts';
import type { OtherName } from './other-names.ts';

/** Entries by kind; paths are relative to the folder that is made. Folders come before what is in them. What has several names is a link or a file under the first. */
export type Part = {
  readonly folders: readonly (readonly [path: string, entry: FolderEntry])[];
  readonly links: readonly (readonly [path: string, entry: LinkEntry])[];
  readonly files: readonly TargetFile[];
  readonly otherNames: readonly OtherName[];
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
    otherNames: [] as OtherName[],
  };
  const others: [inside: string, entry: LinkEntry | FileEntry][] = [];
  const put = (inside: string, entry: LinkEntry | FileEntry) => {
    if (isFile(entry)) part.files.push({ path: inside, entry });
    else part.links.push([inside, entry]);
  };
  for (const [inside, entry] of below(entries, path, top)) {
    if (entry.kind === 'folder') part.folders.push([inside, entry]);
    else if (entry.sameAs === undefined) put(inside, entry);
    else others.push([inside, entry]);
  }
  const firsts = new Map<string, string>(); // as they are named in the part
  for (const [inside, entry] of others.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = firstNameOf(entry) ?? '';
    const first = insideOf(path, name) ?? firsts.get(name);
    if (first !== undefined) part.otherNames.push({ path: inside, first, entry });
    else {
      firsts.set(name, inside);
      put(inside, underName(entry, inside, inside));
    }
  }
  part.folders.sort(([a], [b]) => (a < b ? -1 : 1));
  return part;
}

/** What a path is called in the part; undefined when it is not in it. */
function insideOf(part: string, path: string): string | undefined {
  if (part === '') return path;
  return path.startsWith(`${part}/`) ? path.slice(part.length + 1) : undefined;
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
