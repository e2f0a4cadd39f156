/** A tree in memory: what is in it by path, and where the content lies in the bucket. */

import { PackTable } from '../format/pack-table.ts';
import { NAME_BYTES } from '../keys/vault-keys.ts';
import type { ChunkList } from './chunk-list.ts';
import { ChunkTable } from './chunk-table.ts';
import { type Entry, type FileEntry, isFile } from './entries.ts';

/** The tree of one snapshot. Paths are relative and joined by `/`; the root is the empty path. */
export type TreeIndex = {
  readonly entries: Map<string, Entry>;
  readonly chunks: ChunkTable;
  readonly packs: PackTable;
  /** What was read of files that are not whole yet, by path. No entry has these chunks, and their packs are needed. */
  readonly held: Map<string, ChunkList>;
};

/** What one tree has and another has not. */
export type TreeChange = {
  /** New entries, and those that are not what they were. */
  readonly set: ReadonlyMap<string, Entry>;
  /** Paths that are gone; none of them is in `set`. */
  readonly removed: ReadonlySet<string>;
};

/** A tree without anything. */
export function emptyTree(): TreeIndex {
  return { entries: new Map(), chunks: new ChunkTable(), packs: new PackTable(), held: new Map() };
}

/** Turns a tree into the one that the change leads to. */
export function applyChange({ entries }: TreeIndex, { set, removed }: TreeChange): void {
  for (const path of removed) entries.delete(path);
  for (const [path, entry] of set) entries.set(path, entry);
}

/** The entries that a change leads to, without making it. */
export function* entriesAfter({ entries }: TreeIndex, { set, removed }: TreeChange): Generator<[string, Entry]> {
  for (const [path, entry] of entries) if (!removed.has(path) && !set.has(path)) yield [path, entry];
  yield* set;
}

/** How many files a tree has and how long they are together; one of several names has each of them, and its length once. */
export function measure(entries: Iterable<readonly [string, Entry]>): { files: number; bytes: number } {
  let [files, bytes] = [0, 0];
  for (const [, entry] of entries) {
    if (!isFile(entry)) continue;
    files += 1;
    bytes += entry.sameAs === undefined ? entry.size : 0;
  }
  return { files, bytes };
}

/**
 * The same tree without chunks and packs that nothing in it needs any more. Snapshots leave such behind, and a full
 * manifest does not tell of them.
 */
export function withoutUnused(tree: TreeIndex): TreeIndex {
  const { entries, chunks, packs } = tree;
  const used = usedChunks(tree);
  const usedPacks = new Set<number>();
  for (const [chunk, isUsed] of used.entries()) if (isUsed === 1) usedPacks.add(chunks.pack(chunk));
  if (usedPacks.size === packs.count && !used.includes(0)) return tree;
  const slim = emptyTree();
  const moved = new Uint32Array(chunks.count);
  const name = Buffer.alloc(NAME_BYTES);
  for (const [chunk, isUsed] of used.entries()) {
    if (isUsed === 0) continue;
    chunks.writeName(chunk, name, 0);
    const pack = slim.packs.add(packs.get(chunks.pack(chunk)));
    moved[chunk] = slim.chunks.add(name, 0, { pack, frame: chunks.frame(chunk), offset: chunks.offset(chunk) });
  }
  const renumbered = new Renumbering((chunk) => moved[chunk] ?? 0);
  for (const [path, entry] of entries) slim.entries.set(path, isFile(entry) ? renumbered.of(entry) : entry);
  for (const [path, list] of tree.held)
    slim.held.set(
      path,
      list.copy((chunk) => moved[chunk] ?? 0),
    );
  return slim;
}

/** Gives the chunks of entries other numbers. What is one file under several names stays one list. */
export class Renumbering {
  readonly #number: (chunk: number) => number;
  readonly #known = new Map<Uint32Array, Uint32Array>();

  constructor(number: (chunk: number) => number) {
    this.#number = number;
  }

  of(entry: FileEntry): FileEntry {
    let chunks = this.#known.get(entry.chunks);
    if (!chunks) {
      chunks = entry.chunks.map(this.#number);
      this.#known.set(entry.chunks, chunks);
    }
    return { ...entry, chunks };
  }
}

/** 1 for each chunk that is in a file, or will be. */
function usedChunks({ entries, chunks, held }: TreeIndex): Uint8Array {
  const used = new Uint8Array(chunks.count);
  for (const entry of entries.values()) if (isFile(entry)) for (const chunk of entry.chunks) used[chunk] = 1;
  for (const list of held.values()) for (const chunk of list.chunks) used[chunk] = 1;
  return used;
}
