/**
 * What a manifest says of the tree: rows of JSON, one a line. Rows are arrays and not objects: a tree of 50,000 files has that
 * many. They are written and read one after the other, so the whole is never in memory.
 *
 *   ["-", path]                                                                        gone since the parent
 *   ["d", path, mode, seconds, nanoseconds]                                            a folder
 *   ["l", path, seconds, nanoseconds, target]                                          a symbolic link
 *   ["f", path, mode, seconds, nanoseconds, size, chunkBytes, patch, runs, names]      a file
 *   ["x", path, mode, seconds, nanoseconds, size, chunkBytes, patch, runs, names, extents]      a file with holes
 *   ["s", …the same as f]                                                                   an SQLite database
 *   ["h", path, first]                                                                 another name of what is at `first`, whose row comes before
 *   ["+", runs, names]                                                                 more of the file in the row before
 *   ["~", path]                                                                        written to all the while it was read
 *   ["?", path, why]                                                                   not read; as the parent has it
 *
 * Of a full manifest there is a row for every entry, of a delta for what is new or changed. What is gone comes first, folders
 * before what is in them. `runs` is flat: first chunk, number of chunks, pack (its place in the list of packs), frame, offset
 * in the frame's plain text; then the next run. `names` holds the names of those chunks, 16 bytes each, in base64. With
 * `patch` 1 all other chunks are as the parent has them at the same place; with 0 the runs hold every chunk. `extents` is flat
 * too: first chunk, number of chunks; what is in none is a hole.
 */
import { z } from 'zod';
import { parsePackId } from '../../bucket/layout.ts';
import { NAME_BYTES } from '../keys/vault-keys.ts';

/** Numbers of a run in `runs`. */
export const RUN_LENGTH = 5;
/** Chunks that one row tells of, at most. */
export const ROW_CHUNKS = 8192;

const count = z.int().nonnegative();
const mode = count.max(0o7777);
const seconds = z.int();
const nanoseconds = count.max(999_999_999);
const path = z.string();
// z.array would make an object for each of perhaps a million numbers.
const counts = z.custom<readonly number[]>((value) => Array.isArray(value) && value.every(isCount), 'not counts');
const runs = counts.refine((flat) => flat.length % RUN_LENGTH === 0, 'not whole runs');
const names = z.base64();
const extents = counts.refine((flat) => flat.length % 2 === 0, 'not whole extents');
const patch = z.union([z.literal(0), z.literal(1)]);

const rows = {
  '-': z.tuple([z.literal('-'), path]),
  d: z.tuple([z.literal('d'), path, mode, seconds, nanoseconds]),
  l: z.tuple([z.literal('l'), path, seconds, nanoseconds, z.string()]),
  f: z.tuple([z.literal('f'), path, mode, seconds, nanoseconds, count, count.min(1), patch, runs, names]),
  x: z.tuple([z.literal('x'), path, mode, seconds, nanoseconds, count, count.min(1), patch, runs, names, extents]),
  s: z.tuple([z.literal('s'), path, mode, seconds, nanoseconds, count, count.min(1), patch, runs, names]),
  h: z.tuple([z.literal('h'), path, path]),
  '+': z.tuple([z.literal('+'), runs, names]),
  '~': z.tuple([z.literal('~'), path]),
  '?': z.tuple([z.literal('?'), path, z.string()]),
} as const;

/** A row. */
export type TreeRow = { [Letter in keyof typeof rows]: z.output<(typeof rows)[Letter]> }[keyof typeof rows];
/** A row for a file or a database. */
export type FileRow = Extract<TreeRow, readonly ['f' | 's' | 'x', ...unknown[]]>;

/** Whether a row is one. */
export function isFileRow(row: TreeRow): row is FileRow {
  return row[0] === 'f' || row[0] === 's' || row[0] === 'x';
}

/** Rows that format 1 does not have. A manifest without any is of format 1, so that older versions go on reading it. */
const letters2: ReadonlySet<string> = new Set(['h', 'x']);

/** The format that a row needs. */
export function formatOfRow([letter]: TreeRow): 1 | 2 {
  return letters2.has(letter) ? 2 : 1;
}

/** Reads a line; throws when it is no row. */
export function parseRow(line: string): TreeRow {
  const json: unknown = JSON.parse(line);
  const letter: unknown = Array.isArray(json) ? json[0] : undefined;
  if (typeof letter !== 'string' || !isLetter(letter)) throw new Error('it begins with no letter of a row');
  const row: TreeRow = rows[letter].parse(json);
  const [letters, flat] = row[0] === '+' ? [row[2], row[1]] : isFileRow(row) ? [row[9], row[8]] : ['', []];
  if (chunksIn(flat) * NAME_BYTES !== Buffer.byteLength(letters, 'base64'))
    throw new Error('chunks and names are at odds');
  return row;
}

/** Packs that a manifest names: id, length, then for each frame its sealed and its plain length. */
const tableRow = z
  .tuple([z.string().transform(parsePackId), count, counts, counts])
  .refine(([, , sealed, plain]) => sealed.length === plain.length, 'lengths of frames are at odds');
/** One whose frames an ancestor tells. */
const namedRow = z.tuple([z.string().transform(parsePackId)]);

/** The list of packs: all that the rows name. A full manifest tells the frames of each, a delta of those it brings. */
export const packsSchema = z.array(z.union([namedRow, tableRow]));

/** A pack that a manifest names. */
export type PackRow = z.output<typeof packsSchema>[number];

function isLetter(text: string): text is keyof typeof rows {
  return Object.hasOwn(rows, text);
}

function chunksIn(flat: readonly number[]): number {
  let chunks = 0;
  for (let at = 1; at < flat.length; at += RUN_LENGTH) chunks += flat[at] ?? 0;
  return chunks;
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
