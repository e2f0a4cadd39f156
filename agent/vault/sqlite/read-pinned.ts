/** Reads a database that a pin holds still, in the way that holds it shortest. */
import { createWriteStream } from 'node:fs';
import { constants, copyFile, type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { PageRun } from '../snapshot/database-source.ts';
import type { Holding } from './captured.ts';
import { replacedMeanwhile } from './files.ts';
import { firstPages, type ImageFrames, ImageReader, type ImageSource } from './image.ts';
import type { Pin } from './pins.ts';
import { WalFile } from './wal-file.ts';

/** Most bytes that are read into memory for one capture, so that nothing need be held for it. */
export const memoryBytes = 4 * 1024 ** 2;

/** A database under a pin, and what is to be read of it. */
export type PinnedDatabase = {
  readonly path: string;
  readonly file: FileHandle;
  readonly pin: Pin;
  readonly pageBytes: number;
  readonly frames: ImageFrames | undefined;
  readonly pages: Pages;
  /** How long the database is, in pages; the file may be longer. */
  readonly length: number;
  readonly clock: Clock;
  /** Where a copy of the file may go. */
  readonly aside: string;
};

/** Pages to read, ascending: these, or all of so many. */
export type Pages = readonly number[] | { readonly allOf: number };

/** How many pages that are. */
function countOf(pages: Pages): number {
  return 'allOf' in pages ? pages.allOf : pages.length;
}

/** Pages that were read, or how to read them. With a pin in it, pin and file are the reader's to let go of. */
export type ReadPinned = readonly PageRun[] | Holding;

/** Reads the pages, or says how. */
export async function readPinned(database: PinnedDatabase, signal?: AbortSignal): Promise<ReadPinned> {
  const { pin, pageBytes, pages, frames, file } = database;
  if (countOf(pages) * pageBytes > memoryBytes)
    return pin.journal === 'wal' ? await readLater(database) : await readCopy(database);
  const runs = await inMemory({ pageBytes, frames, file }, pages, signal);
  await pin.check();
  return runs;
}

/** Reads pages into memory of their own. */
export async function inMemory(source: ImageSource, pages: Pages, signal?: AbortSignal): Promise<readonly PageRun[]> {
  const runs: PageRun[] = [];
  for await (const { page, bytes } of read(source, pages, signal)) runs.push({ page, bytes: new Uint8Array(bytes) });
  return runs;
}

function read(source: ImageSource, pages: Pages, signal: AbortSignal | undefined): AsyncIterable<PageRun> {
  return new ImageReader(source).runs('allOf' in pages ? firstPages(pages.allOf) : pages, signal);
}

/** The reading may take long, and the follower goes on meanwhile: what it would change is ours alone. */
async function readLater({ path, file, pin, pageBytes, frames, pages, clock }: PinnedDatabase): Promise<Holding> {
  const wal = frames && (await WalFile.open(path));
  if (wal?.inode !== frames?.wal.inode) {
    await wal?.close();
    throw replacedMeanwhile(path);
  }
  const own = frames && wal && { wal, generation: frames.generation, newest: new Map(frames.newest) };
  return {
    pin,
    clock,
    runs: (signal) => read({ pageBytes, frames: own, file }, pages, signal),
    close: async () => {
      await file.close();
      await wal?.close();
    },
  };
}

/** In rollback mode a pin keeps writers from committing, so what is long is read from a copy. */
async function readCopy({ path, pageBytes, pages, length, aside, clock, ...from }: PinnedDatabase): Promise<Holding> {
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  const bytes = length * pageBytes;
  if ((await from.file.stat()).size === bytes)
    await copyFile(path, aside, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  else {
    const beginning = from.file.createReadStream({ start: 0, end: bytes - 1, autoClose: false });
    await pipeline(beginning, createWriteStream(aside, { flags: 'wx', mode: 0o600 }));
  }
  const file = await open(aside, 'r');
  return {
    pin: undefined,
    clock,
    runs: (signal) => read({ pageBytes, frames: undefined, file }, pages, signal),
    close: async () => {
      await file.close();
      await rm(aside, { force: true });
    },
  };
}
