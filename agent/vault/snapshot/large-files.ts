/**
 * Large files are read a part at a time, so that nothing else waits behind one: a snapshot spends some seconds on them, is
 * stored without the newest content of those that it did not come to the end of, and the next one goes on where it stopped.
 * What was read lies in packs that the snapshot names, and is held in the tree (tree-index.ts) until the file is whole.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import { ChunkList } from '../tree/chunk-list.ts';
import { FILE_CHUNK_BYTES } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import { whySlow } from './reading-progress.ts';
import type { Unread } from './unread.ts';

/** What is larger is read a part at a time, after everything else. */
export const LARGE_BYTES = 16 * 1024 * 1024;
/** So long a snapshot reads large files. With what it takes beside it, others are stored within seconds. */
const TURN_MILLIS = 3_000;
/** Files whose last reading is remembered. */
const MOST_REMEMBERED = 10_000;

/** How far reading a file has come. */
export type Begun = {
  readonly list: ChunkList;
  /** The next chunk to be read. */
  readonly place: number;
  /** How long the file was when it was begun. It is read so far: one that grows faster would never be whole. */
  readonly size: number;
  /** What it looked like when it was begun. */
  readonly stats: BigIntStats;
  /** False: it was written to since. */
  readonly isSteady: boolean;
};

/** One that is begun, with all of its names: they may be in no tree yet, where the next look would find them. */
export type BegunFile = Begun & { readonly names: readonly string[] };

/** Those that are begun, by path: the first of their names. */
export type BegunFiles = ReadonlyMap<string, BegunFile>;

/** What identifies a file on this machine. The number of one that is removed is given to the next that is made. */
export function inodeKey({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** What a tree has to hold of them. */
export function heldIn(begun: BegunFiles): Map<string, ChunkList> {
  return new Map([...begun].map(([path, { list }]) => [path, list]));
}

/** What people are to know of them: a snapshot has of these what the one before has, as of what cannot be read. */
export function slowNotes(begun: BegunFiles): Unread[] {
  return [...begun].map(([path, { place, size }]) => {
    return { path, why: whySlow({ doneBytes: place * FILE_CHUNK_BYTES, totalBytes: size }) };
  });
}

/** In which order large files are read, from snapshot to snapshot: none is passed over for ever. */
export class LargeOrder {
  #turns = 0;
  readonly #readAt = new Map<string, number>();

  /** Those that are begun, then those that were not read for longest. */
  of(paths: ReadonlySet<string>, begun: BegunFiles): string[] {
    const at = (path: string) => (begun.has(path) ? -1 : (this.#readAt.get(path) ?? 0));
    return [...paths].sort((a, b) => at(a) - at(b));
  }

  wasRead(path: string): void {
    this.#turns += 1;
    this.#readAt.set(path, this.#turns);
    const [oldest] = this.#readAt.keys();
    if (this.#readAt.size > MOST_REMEMBERED && oldest !== undefined) this.#readAt.delete(oldest);
  }
}

/** The turn that large files have in one snapshot. */
export class LargeTurn {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #millis: number;
  readonly #before: ReadonlyMap<string, Begun>;
  #since: number | undefined;
  /** Those that this snapshot did not come to the end of, by path. */
  readonly begun = new Map<string, BegunFile>();

  /** `before`: what the snapshot before did not come to the end of. */
  constructor(before: BegunFiles, clock: Pick<Clock, 'monotonic'>, millis = TURN_MILLIS) {
    this.#before = new Map([...before.values()].map((begun) => [inodeKey(begun.stats), begun]));
    this.#clock = clock;
    this.#millis = millis;
  }

  /** Begins with the first large file. */
  begin(): void {
    this.#since ??= this.#clock.monotonic();
  }

  get isOver(): boolean {
    return this.#since !== undefined && this.#clock.monotonic() - this.#since >= this.#millis;
  }

  /** Whether more was read of any file that is not whole yet. */
  get cameFurther(): boolean {
    return [...this.begun.values()].some((begun) => begun.place !== (this.before(begun.stats)?.place ?? 0));
  }

  before(stats: BigIntStats): Begun | undefined {
    return this.#before.get(inodeKey(stats));
  }

  /** A file as it stands when it has no turn; undefined when it is gone, or cannot be looked at. */
  waiting(full: string): Begun | undefined {
    const stats = look(full);
    if (stats === undefined) return undefined;
    return this.before(stats) ?? { list: new ChunkList(), place: 0, size: Number(stats.size), stats, isSteady: true };
  }
}

function look(full: string): BigIntStats | undefined {
  try {
    return lstatSync(pathForSystem(full), { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
