/** Reads one file into chunks. */
import { type BigIntStats, closeSync, fstatSync, openSync } from 'node:fs';
import type { LoadedCalls } from '../../posix/native-calls.ts';
import { chunksOf, FILE_CHUNK_BYTES, type FileEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { Begun } from './large-files.ts';
import { type ContentPorts, type ReadContent, readContent, UnreadableContent, why } from './read-content.ts';
import { READ_FLAGS } from './scan.ts';
import { looksSame, timeOf } from './seen-files.ts';
import { isGone } from './unread.ts';

/** What reading takes. */
export type ReadPorts = Omit<ContentPorts, 'holes' | 'onRead'> & {
  readonly root: string;
  /** Loads the calls that tell where content lies: asked for when there are holes. */
  readonly loadCalls: () => Promise<LoadedCalls>;
  /** How far an earlier snapshot has come with a file. */
  readonly begun: (stats: BigIntStats) => Begun | undefined;
  /** Told how far reading has come, in bytes. */
  readonly onRead: (doneBytes: number, totalBytes: number) => void;
};

/** What came of reading a file. */
export type ReadFile =
  | {
      readonly outcome: 'read';
      readonly entry: FileEntry;
      /** How the file looked when it had been read. */
      readonly stats: BigIntStats;
      /** False: it was written to all the while, so the content may be of several moments. */
      readonly steady: boolean;
    }
  /** It is large, and is read on by the next snapshot. */
  | { readonly outcome: 'begun'; readonly begun: Begun }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'unreadable'; readonly why: string };

/** How often a file is read that changes under our eyes. */
const TRIES = 3;

/** Of `blocks` in stat(2), whatever the file system's own blocks are. */
const BLOCK_BYTES = 512n;
/** Zeros of holes are read at 1 to 4 GB/s: so many cost seconds. */
const MOST_HOLE_BYTES = 16n * 1024n ** 3n;
/** From here on a file is asked for holes though its blocks tell of none: they may be allocated, and never written to. */
const ASKED_BYTES = 1024n ** 3n;

/** Reads a file below `root`. It is read again while it changes, and said when that does not help. */
export async function readFile(ports: ReadPorts, path: string): Promise<ReadFile> {
  let file: number;
  try {
    file = openSync(pathForSystem(`${ports.root}/${path}`), READ_FLAGS);
  } catch (cause) {
    if (isGone(cause)) return { outcome: 'gone' };
    return { outcome: 'unreadable', why: why(cause) };
  }
  try {
    return await readOpen(ports, file);
  } catch (cause) {
    if (!(cause instanceof UnreadableContent)) throw cause;
    return { outcome: 'unreadable', why: cause.message };
  } finally {
    closeSync(file);
  }
}

async function readOpen(ports: ReadPorts, file: number): Promise<ReadFile> {
  let before = fstatSync(file, { bigint: true });
  if (!before.isFile()) return { outcome: 'gone' };
  const begun = stillFits(ports.begun(before), before);
  let last: Extract<ReadFile, { readonly outcome: 'read' }> | undefined;
  for (let tries = 1; ; tries += 1) {
    const calls = mayHaveHoles(before) ? await ports.loadCalls() : undefined;
    const why = whyTooLong(before, calls);
    if (why !== undefined) return { outcome: 'unreadable', why };
    const size = lengthToRead(begun, before);
    const onRead = (bytes: number) => ports.onRead(bytes, size);
    const content = await readContent({ ...ports, holes: calls?.calls, onRead }, file, size, begun);
    if (content.outcome === 'gone') return content;
    if (content.outcome === 'paused') return last ?? { outcome: 'begun', begun: goneOn(begun, content, before) };
    const stats = fstatSync(file, { bigint: true });
    const steady = isSteady(begun, before) && looksSame(before, stats) && content.size === Number(stats.size);
    last = { outcome: 'read', entry: entryOf(content, stats), stats, steady };
    if (steady || begun !== undefined || tries === TRIES) return last;
    before = stats;
  }
}

/** A file that only waited, or is shorter now than what was read of it, is begun again. */
function stillFits(begun: Begun | undefined, { size }: BigIntStats): Begun | undefined {
  if (begun === undefined || begun.place === 0) return undefined;
  return BigInt(begun.place) * BigInt(FILE_CHUNK_BYTES) <= size ? begun : undefined;
}

function lengthToRead(begun: Begun | undefined, { size }: BigIntStats): number {
  return Math.min(Number(size), begun?.size ?? Number.POSITIVE_INFINITY);
}

/** Whether nobody has written to it since it was begun. */
function isSteady(begun: Begun | undefined, now: BigIntStats): boolean {
  return begun === undefined || (begun.isSteady && looksSame(begun.stats, now));
}

function goneOn(
  begun: Begun | undefined,
  { list, place }: Extract<ReadContent, { readonly outcome: 'paused' }>,
  now: BigIntStats,
): Begun {
  const { size, stats } = begun ?? { size: Number(now.size), stats: now };
  return { list, place, size, stats, isSteady: isSteady(begun, now) };
}

function entryOf({ list, size }: Extract<ReadContent, { readonly outcome: 'whole' }>, stats: BigIntStats): FileEntry {
  const mode = Number(stats.mode) & 0o7777;
  const places = chunksOf(size, FILE_CHUNK_BYTES);
  return { kind: 'file', mode, time: timeOf(stats), size, chunkBytes: FILE_CHUNK_BYTES, ...list.finish(places) };
}

type Length = Pick<BigIntStats, 'size' | 'blocks'>;

function mayHaveHoles({ size, blocks }: Length): boolean {
  return size >= ASKED_BYTES || size - blocks * BLOCK_BYTES >= BigInt(FILE_CHUNK_BYTES);
}

/**
 * Why a file is not read: it is longer than a number of ours counts, or has so many holes that reading them as zeros would
 * take hours, and the operating system cannot be asked where they are. Undefined: it is read.
 */
export function whyTooLong({ size, blocks }: Length, loaded: LoadedCalls | undefined): string | undefined {
  const gib = (bytes: bigint) => `${(Number(bytes) / 1024 ** 3).toFixed(1)} GiB`;
  if (size > BigInt(Number.MAX_SAFE_INTEGER))
    return `it is ${gib(size)} long; no more than ${gib(2n ** 53n)} can be read`;
  const onDisk = blocks * BLOCK_BYTES;
  if (loaded === undefined || loaded.calls || size - onDisk <= MOST_HOLE_BYTES) return undefined;
  return `it is sparse: ${gib(size)} long, of which ${gib(onDisk)} are on the disk; holes of more than ${gib(MOST_HOLE_BYTES)} are not read, because the system cannot be asked where they are (${loaded.why})`;
}
