/** What a tree is made of. */
import type { Extents } from './extents.ts';

/** A time of change as the file system has it, to the nanosecond. */
export type FileTime = { readonly seconds: number; readonly nanoseconds: number };

/** A folder. */
export type FolderEntry = { readonly kind: 'folder'; readonly mode: number; readonly time: FileTime };

/**
 * What is one file under several names (hard links). All of it is in the entry of the first of them, by path; those of the
 * others are equal to it and name it here.
 */
type OneOfMany = { readonly sameAs?: string | undefined };

/** A symbolic link; its target is kept as it is, wherever it leads. */
export type LinkEntry = OneOfMany & { readonly kind: 'link'; readonly time: FileTime; readonly target: string };

/** A file. `mode` is the permission bits. */
export type FileEntry = OneOfMany & {
  readonly kind: 'file' | 'database';
  readonly mode: number;
  readonly time: FileTime;
  readonly size: number;
  /** Length of each chunk but the last: `FILE_CHUNK_BYTES`, or the size of a database's pages. */
  readonly chunkBytes: number;
  /** The chunks in order, by their numbers in the chunk table; of a file with holes only those that are there. */
  readonly chunks: Uint32Array;
  /** Where they lie in a file with holes; otherwise each chunk is the next. */
  readonly extents?: Extents | undefined;
};

/** An entry of a tree. */
export type Entry = FolderEntry | LinkEntry | FileEntry;

/** Chunks of what is no database. Two fill a frame. */
export const FILE_CHUNK_BYTES = 256 * 1024;

/** How many chunks a file of this size has when it has no holes. */
export function chunksOf(size: number, chunkBytes: number): number {
  return Math.ceil(size / chunkBytes);
}

/** Where one of the chunks lies in its file, counted in chunks. */
export function placeOf({ extents }: FileEntry, at: number): number {
  return extents === undefined ? at : extents.placeOf(at);
}

/** The chunk at a place of a file; undefined in a hole, and past the end. */
export function chunkAt({ chunks, extents }: FileEntry, place: number): number | undefined {
  const at = extents === undefined ? place : extents.chunkAt(place);
  return at === undefined ? undefined : chunks[at];
}

/** Length of one of the chunks of a file. */
export function chunkLength(entry: FileEntry, at: number): number {
  return Math.min(entry.chunkBytes, entry.size - placeOf(entry, at) * entry.chunkBytes);
}

/** How much of a file is content: all but its holes. */
export function contentBytes(entry: FileEntry): number {
  if (entry.extents === undefined) return entry.size;
  const last = entry.chunks.length - 1;
  return last < 0 ? 0 : last * entry.chunkBytes + chunkLength(entry, last);
}

/** The path of the first name, of an entry that is another name of the same file. */
export function firstNameOf(entry: Entry | undefined): string | undefined {
  return entry === undefined || entry.kind === 'folder' ? undefined : entry.sameAs;
}

/** The same entry under a name; `first` is the first name of it. */
export function underName<E extends LinkEntry | FileEntry>(entry: E, name: string, first: string): E {
  if (name === first && entry.sameAs === undefined) return entry;
  return { ...entry, sameAs: name === first ? undefined : first };
}

/** Whether an entry has content. */
export function isFile(entry: Entry | undefined): entry is FileEntry {
  return entry?.kind === 'file' || entry?.kind === 'database';
}
