/** From the rows of a manifest to a tree: those of a full one onto an empty tree, those of a delta onto its parent's. */
import { type FileRow, type PackRow, RUN_LENGTH, type TreeRow } from '../format/manifest-body.ts';
import { NAME_BYTES } from '../keys/vault-keys.ts';
import {
  chunkAt,
  chunkLength,
  chunksOf,
  type Entry,
  type FileEntry,
  firstNameOf,
  isFile,
  placeOf,
  underName,
} from './entries.ts';
import { Extents } from './extents.ts';
import type { TreeIndex } from './tree-index.ts';

/** A place that no run has named. */
const NONE = 0xffffffff;

/** Applies the rows of one manifest, in order. Throws an Error when one does not fit; the tree is spoilt then. */
export class RowApplier {
  readonly #tree: TreeIndex;
  /** Numbers of the packs in the table, as the manifest numbers them. */
  readonly #packs: readonly number[];
  #lastFile: FileEntry | undefined;

  constructor(tree: TreeIndex, packs: readonly PackRow[]) {
    this.#tree = tree;
    this.#packs = packs.map((row) => packNumber(tree, row));
  }

  apply(row: TreeRow): void {
    const { entries } = this.#tree;
    switch (row[0]) {
      case '-':
        entries.delete(row[1]);
        return;
      case 'd':
        entries.set(row[1], { kind: 'folder', mode: row[2], time: { seconds: row[3], nanoseconds: row[4] } });
        return;
      case 'l':
        entries.set(row[1], { kind: 'link', time: { seconds: row[2], nanoseconds: row[3] }, target: row[4] });
        return;
      case 'f':
      case 's':
      case 'x':
        this.#lastFile = this.#file(row);
        entries.set(row[1], this.#lastFile);
        return;
      case 'h':
        entries.set(row[1], this.#anotherName(row[1], row[2]));
        return;
      case '+':
        if (!this.#lastFile) throw new Error('there is no file to go on with');
        this.#placeRuns(this.#lastFile, row[1], row[2]);
        return;
      case '~':
      case '?':
        return; // for people
    }
  }

  #file(row: FileRow): FileEntry {
    const [letter, path, mode, seconds, nanoseconds, size, chunkBytes, patch, runs, names] = row;
    const extents = row[0] === 'x' ? Extents.of(row[10]) : undefined;
    const places = chunksOf(size, chunkBytes);
    if (extents && extents.end > places) throw new Error(`${path} has content past its end`);
    const chunks = new Uint32Array(extents?.chunks ?? places).fill(NONE);
    const kind = letter === 's' ? 'database' : 'file';
    const file: FileEntry = {
      kind,
      mode,
      time: { seconds, nanoseconds },
      size,
      chunkBytes,
      chunks,
      ...(extents && { extents }),
    };
    if (patch === 1) this.#takeOver(path, file);
    this.#placeRuns(file, runs, names);
    return file;
  }

  /** What the parent has at the same places. */
  #takeOver(path: string, file: FileEntry): void {
    const parent = this.#tree.entries.get(path);
    if (!isFile(parent) || parent.chunkBytes !== file.chunkBytes)
      throw new Error(`${path} changes a file that is not there`);
    for (let at = 0; at < file.chunks.length; at += 1) file.chunks[at] = chunkAt(parent, placeOf(file, at)) ?? NONE;
  }

  #anotherName(path: string, first: string): Entry {
    const entry = this.#tree.entries.get(first);
    if (!entry || entry.kind === 'folder' || entry.sameAs !== undefined || first >= path)
      throw new Error(`${path} is no other name of ${first}`);
    return underName(entry, path, first);
  }

  #placeRuns(file: FileEntry, runs: readonly number[], base64: string): void {
    const { chunks, chunkBytes } = file;
    const names = Buffer.from(base64, 'base64');
    let name = 0;
    for (let at = 0; at < runs.length; at += RUN_LENGTH) {
      const [first = 0, count = 0, local = 0, frame = 0, offset = 0] = runs.slice(at, at + RUN_LENGTH);
      const pack = this.#packs[local];
      const begin = indexOf(file, first);
      if (pack === undefined || indexOf(file, first + count - 1) !== begin + count - 1)
        throw new Error('a run leads outside');
      for (let chunk = 0; chunk < count; chunk += 1, name += NAME_BYTES)
        chunks[begin + chunk] = this.#intern(names, name, pack, frame, offset + chunk * chunkBytes);
    }
  }

  /** The number of a chunk. One name may have lain in two places in the course of a chain. */
  #intern(names: Buffer, at: number, pack: number, frame: number, offset: number): number {
    const { chunks } = this.#tree;
    const known = chunks.find(names, at);
    const same =
      known >= 0 && chunks.pack(known) === pack && chunks.frame(known) === frame && chunks.offset(known) === offset;
    return same ? known : chunks.add(names, at, { pack, frame, offset });
  }
}

/** The chunk that is at a place. */
function indexOf({ chunks, extents }: FileEntry, place: number): number {
  const at = extents === undefined ? place : extents.chunkAt(place);
  if (at === undefined || at >= chunks.length) throw new Error('a run leads outside');
  return at;
}

/** Throws an Error when a tree is not one: a folder is missing, a path leads outside, content lies nowhere. */
export function checkTree({ entries, chunks, packs }: TreeIndex): void {
  for (const [path, entry] of entries) {
    checkPath(path, entries);
    checkName(path, entry, entries);
    if (!isFile(entry)) continue;
    for (const [at, chunk] of entry.chunks.entries()) {
      if (chunk === NONE) throw new Error(`chunk ${at} of ${path} lies nowhere`);
      const end = chunks.offset(chunk) + chunkLength(entry, at);
      if (end > (packs.get(chunks.pack(chunk)).plain[chunks.frame(chunk)] ?? 0))
        throw new Error(`chunk ${at} of ${path} reaches out of its frame`);
    }
  }
}

function checkPath(path: string, entries: ReadonlyMap<string, Entry>): void {
  if (path === '') return;
  const at = path.lastIndexOf('/');
  const name = path.slice(at + 1);
  if (at === 0 || ['', '.', '..'].includes(name) || path.includes('\0')) throw new Error(`"${path}" is no path`);
  if (entries.get(path.slice(0, Math.max(at, 0)))?.kind !== 'folder') throw new Error(`${path} is in no folder`);
}

/** What changes under one name changes under all. */
function checkName(path: string, entry: Entry, entries: ReadonlyMap<string, Entry>): void {
  const name = firstNameOf(entry);
  if (name === undefined) return;
  const first = entries.get(name);
  const isSame =
    first?.kind === entry.kind &&
    firstNameOf(first) === undefined &&
    first.time === entry.time &&
    (!isFile(first) || !isFile(entry) || first.chunks === entry.chunks);
  if (!isSame) throw new Error(`${path} is not what ${name} is`);
}

function packNumber({ packs }: TreeIndex, row: PackRow): number {
  if (row.length === 4) {
    const [id, bytes, sealed, plain] = row;
    return packs.add({ id, bytes, sealed: Uint32Array.from(sealed), plain: Uint32Array.from(plain) });
  }
  const known = packs.numberOf(row[0]);
  if (known === undefined) throw new Error(`no manifest tells the frames of pack ${row[0]}`);
  return known;
}
