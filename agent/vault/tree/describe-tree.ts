/** From a tree to the rows of a manifest: runs of chunks in place of chunks. */
import { type PackRow, ROW_CHUNKS, type TreeRow } from '../format/manifest-body.ts';
import type { PackTable } from '../format/pack-table.ts';
import { NAME_BYTES } from '../keys/vault-keys.ts';
import type { ChunkList } from './chunk-list.ts';
import type { ChunkTable } from './chunk-table.ts';
import { chunkAt, type Entry, type FileEntry, isFile, placeOf } from './entries.ts';
import { entriesAfter, type TreeChange, type TreeIndex } from './tree-index.ts';

/** A tree as a manifest tells it. `packs` is complete when all rows were taken. */
export type Description = { readonly rows: Iterable<TreeRow>; readonly packs: () => PackRow[] };

/**
 * Describes the whole of the tree that a change leads to. Tells the frames of every pack that it needs, `held` included, and of
 * those from number `newPacks` on.
 */
export function describeFull(
  tree: TreeIndex,
  change: TreeChange,
  newPacks: number,
  held: Iterable<ChunkList> = [],
): Description {
  const named = new NamedPacks(tree.packs, newPacks);
  for (const { chunks } of held) for (const chunk of chunks) named.place(tree.chunks.pack(chunk));
  const paths = Array.from(entriesAfter(tree, change), ([path]) => path).sort();
  const entryAt = (path: string) => change.set.get(path) ?? tree.entries.get(path);
  return { rows: rowsOf(paths, entryAt, () => undefined, tree.chunks, named), packs: () => named.rows(0) };
}

/** Describes a change of the tree. Tells the frames of packs from number `newPacks` on. */
export function describeDelta(tree: TreeIndex, { set, removed }: TreeChange, newPacks: number): Description {
  const named = new NamedPacks(tree.packs, newPacks);
  const parentAt = (path: string) => tree.entries.get(path);
  const rows = rowsOf([...set.keys()].sort(), (path) => set.get(path), parentAt, tree.chunks, named);
  return { rows: chain(removalsOf(removed), rows), packs: () => named.rows(newPacks) };
}

/** The packs that a manifest names, numbered as it names them; first those that were written for it. */
class NamedPacks {
  readonly #packs: PackTable;
  readonly #places = new Map<number, number>();

  constructor(packs: PackTable, newPacks: number) {
    this.#packs = packs;
    for (let pack = newPacks; pack < packs.count; pack += 1) this.place(pack);
  }

  place(pack: number): number {
    const known = this.#places.get(pack);
    if (known !== undefined) return known;
    this.#places.set(pack, this.#places.size);
    return this.#places.size - 1;
  }

  /** With the frames of those from this number on. */
  rows(withFrames: number): PackRow[] {
    return [...this.#places.keys()].map((number) => {
      const { id, bytes, sealed, plain } = this.#packs.get(number);
      return number >= withFrames ? [id, bytes, [...sealed], [...plain]] : [id];
    });
  }
}

function* removalsOf(removed: ReadonlySet<string>): Generator<TreeRow> {
  for (const path of [...removed].sort()) yield ['-', path];
}

function* chain<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** `paths` are in order: a folder comes before what is in it. */
function* rowsOf(
  paths: readonly string[],
  entryAt: (path: string) => Entry | undefined,
  parentAt: (path: string) => Entry | undefined,
  chunks: ChunkTable,
  packs: NamedPacks,
): Generator<TreeRow> {
  for (const path of paths) {
    const entry = entryAt(path);
    if (entry) yield* rowsOfEntry(path, entry, parentAt(path), chunks, packs);
  }
}

function* rowsOfEntry(
  path: string,
  entry: Entry,
  parent: Entry | undefined,
  chunks: ChunkTable,
  packs: NamedPacks,
): Generator<TreeRow> {
  const { seconds, nanoseconds } = entry.time;
  if (entry.kind === 'folder') return yield ['d', path, entry.mode, seconds, nanoseconds];
  if (entry.sameAs !== undefined) return yield ['h', path, entry.sameAs];
  if (entry.kind === 'link') return yield ['l', path, seconds, nanoseconds, entry.target];
  const { mode, size, chunkBytes } = entry;
  const before = isFile(parent) && parent.chunkBytes === chunkBytes ? parent : undefined;
  const parts = runsOf(entry, before, chunks, packs);
  const [runs, names] = parts.next().value ?? [[], ''];
  const letter = entry.kind === 'file' ? 'f' : 's';
  const facts = [path, mode, seconds, nanoseconds, size, chunkBytes, before ? 1 : 0, runs, names] as const;
  yield entry.extents === undefined ? [letter, ...facts] : ['x', ...facts, entry.extents.flat()];
  for (const [moreRuns, moreNames] of parts) yield ['+', moreRuns, moreNames];
}

/** The runs of the chunks that are not in `before` at the same place, and their names: a row's worth at a time. */
function* runsOf(
  entry: FileEntry,
  before: FileEntry | undefined,
  chunks: ChunkTable,
  packs: NamedPacks,
): Generator<[runs: number[], names: string], undefined> {
  const { chunks: numbers, chunkBytes } = entry;
  const names = Buffer.allocUnsafe(Math.min(numbers.length, ROW_CHUNKS) * NAME_BYTES);
  let runs: number[] = [];
  let count = 0;
  let last: Placed | undefined;
  for (const [index, chunk] of numbers.entries()) {
    const at = placeOf(entry, index);
    if (before && chunkAt(before, at) === chunk) continue;
    const next = { at, pack: chunks.pack(chunk), frame: chunks.frame(chunk), offset: chunks.offset(chunk) };
    if (last && follows(last, next, chunkBytes)) runs[runs.length - 4] = (runs[runs.length - 4] ?? 0) + 1;
    else runs.push(at, 1, packs.place(next.pack), next.frame, next.offset);
    last = next;
    chunks.writeName(chunk, names, count * NAME_BYTES);
    count += 1;
    if (count < ROW_CHUNKS) continue;
    yield [runs, names.toString('base64')];
    [runs, count, last] = [[], 0, undefined];
  }
  if (count > 0) yield [runs, names.toString('base64', 0, count * NAME_BYTES)];
}

type Placed = { readonly at: number; readonly pack: number; readonly frame: number; readonly offset: number };

function follows(last: Placed, next: Placed, chunkBytes: number): boolean {
  return (
    next.at === last.at + 1 &&
    next.pack === last.pack &&
    next.frame === last.frame &&
    next.offset === last.offset + chunkBytes
  );
}
