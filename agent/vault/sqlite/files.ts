/** Looks at a database's files: thin. */
import { type BigIntStats, readSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { FileStamp } from './position.ts';
import { isPageSize } from './wal.ts';

/** Bytes that every SQLite database begins with, whatever its journal: https://sqlite.org/fileformat2.html#magic_header_string */
const magic = Buffer.from('SQLite format 3\0', 'latin1');

/** How long after a change a file's times may still be those of a later one: the kernel's clock tick is at most 10 ms. */
export const grainMillis = 50;

/** The same where times are kept in whole seconds. */
const coarseGrainMillis = 2_000;

/** The path of a database's WAL. */
export function walPath(path: string): string {
  return `${path}-wal`;
}

/** The path of its WAL's index. */
export function indexPath(path: string): string {
  return `${path}-shm`;
}

/** A file's identity and times; undefined when there is none. `now` is the wall clock, in milliseconds. */
export function stampOf(path: string, now: number): FileStamp | undefined {
  const stats = statOf(path);
  if (!stats) return undefined;
  const last = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs));
  const grain = stats.mtimeNs % 1_000_000_000n === 0n ? coarseGrainMillis : grainMillis;
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    bytes: String(stats.size),
    modified: String(stats.mtimeNs),
    changed: String(stats.ctimeNs),
    settled: now - last > grain,
  };
}

/** A file's status; undefined when there is none. */
export function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Opens a file for reading; undefined when there is none. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/** The page size in a database file's header; undefined when the file is no database, or is still empty. */
export function pageBytesOf(file: FileHandle): number | undefined {
  return headerOf(file)?.pageBytes;
}

/** What the header of a database file says. `pages` is the database's length; undefined when it is that of the file. */
export type DatabaseHeader = { readonly pageBytes: number; readonly pages: number | undefined };

/** The header; undefined when the file is no database, or is still empty. */
export function headerOf(file: FileHandle): DatabaseHeader | undefined {
  const header = readAt(file, 0, 100);
  if (header.length < 100 || !header.subarray(0, magic.length).equals(magic)) return undefined;
  const stored = header.readUInt16BE(16);
  const pageBytes = stored === 1 ? 65536 : stored; // 65536 does not fit its two bytes
  if (!isPageSize(pageBytes)) return undefined;
  // https://sqlite.org/fileformat2.html#in_header_database_size: valid when written together with the change counter
  const [counter, pages, validFor] = [header.readUInt32BE(24), header.readUInt32BE(28), header.readUInt32BE(92)];
  return { pageBytes, pages: pages > 0 && counter === validFor ? pages : undefined };
}

/** Reads at once what is there, at most `length` bytes. For a few bytes that are in memory anyway. */
export function readAt(file: FileHandle, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(file.fd, bytes, 0, length, position));
}

/** The error of a database that became another file while it was captured. */
export function replacedMeanwhile(path: string): OpenCraneError {
  return new OpenCraneError('unavailable', 'database_replaced', `reading ${path}: another file came to its place`, {
    field: path,
    mend: 'nothing to do: it is tried again with the next snapshot',
  });
}
