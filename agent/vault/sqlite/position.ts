/**
 * Where a database was when it was captured, and whether what has changed since can still be told: pure.
 *
 *   position ──same file, same generation──────────────────────────────▶ continues: the frames after it are what changed
 *      ├─the database file alone was the database, and is unchanged────▶ begins: every frame that is there now is new
 *      ├─same WAL, its salt one higher─────────────────────────────────▶ restarted once: the rest of the old generation
 *      │                                                                  may still lie behind the new one (restart.ts)
 *      └─anything else─────────────────────────────────────────────────▶ lost: every page may have changed
 *
 * That each of these is sound is argued in docs/adr/0009-sqlite-capture.md.
 */
import { z } from 'zod';
import type { DatabasePosition } from '../snapshot/database-source.ts';

const checksum = z.tuple([z.uint32(), z.uint32()]).readonly();

const fileStamp = z.strictObject({
  device: z.string(),
  inode: z.string(),
  bytes: z.string(),
  /** Nanoseconds of the last change of content, and of content or name. */
  modified: z.string(),
  changed: z.string(),
  /** Whether any later change is sure to give other times: they were already past, by more than their grain. */
  settled: z.boolean(),
});

const walPlace = z.strictObject({
  inode: z.string(),
  salt1: z.uint32(),
  salt2: z.uint32(),
  /** The last frame that counts, always one that ends a transaction; 0: none of this generation yet. */
  frame: z.uint32(),
  checksum,
});

const position = z.strictObject({
  format: z.literal(1),
  file: fileStamp,
  pageBytes: z.number(),
  pages: z.number(),
  /** Null: there are no frames, the database file alone is the database. */
  wal: walPlace.nullable(),
});

/** What identifies a file and its content. */
export type FileStamp = Readonly<z.infer<typeof fileStamp>>;

/** A place in a WAL. */
type WalPlace = Readonly<z.infer<typeof walPlace>>;

/** A database at the end of one transaction. */
export type Position = Readonly<z.infer<typeof position>> & { readonly file: FileStamp; readonly wal: WalPlace | null };

/** Reads what `since` carries; undefined when it is not of our making: then nothing is known. */
export function parsePosition(since: DatabasePosition | undefined): Position | undefined {
  const parsed = position.safeParse(since);
  return parsed.success ? parsed.data : undefined;
}

/** What lies beside each other now. */
export type FilesNow = {
  readonly file: FileStamp;
  /** Undefined: there is no WAL. */
  readonly wal:
    | { readonly inode: string; readonly salt1: number; readonly salt2: number; readonly pageBytes: number }
    | undefined;
};

/** How to go on from a position. */
export type Continuation =
  | { readonly how: 'continues' }
  | { readonly how: 'begins' }
  | { readonly how: 'restarted' }
  | { readonly how: 'lost'; readonly why: string };

/** Compares a position with what is there now. */
export function continuationOf(since: Position, { file, wal }: FilesNow): Continuation {
  if (!isSameFile(since.file, file)) return lost('another file is at its path');
  if (wal && wal.pageBytes !== since.pageBytes) return lost('its page size is another');
  const restarts = wal && restartsBetween(since.wal, wal);
  if (restarts === 0) return { how: 'continues' };
  if ((since.wal?.frame ?? 0) === 0) {
    return sameContent(since.file, file) ? { how: 'begins' } : lost('frames were taken into the file unseen');
  }
  return restarts === 1 ? { how: 'restarted' } : lost('its WAL is gone, or was restarted unseen');
}

/** How often a WAL was restarted since a place in it; undefined when it can't be told. */
function restartsBetween(since: WalPlace | null, now: NonNullable<FilesNow['wal']>): number | undefined {
  if (since?.inode !== now.inode) return undefined;
  const restarts = (now.salt1 - since.salt1) >>> 0; // a 32-bit word that wraps
  return restarts === 0 && now.salt2 !== since.salt2 ? undefined : restarts;
}

/** Whether two stamps are of one file. */
export function isSameFile(left: FileStamp, right: FileStamp): boolean {
  return left.device === right.device && left.inode === right.inode;
}

/** Whether a file is surely as it was at the earlier stamp. */
export function sameContent(earlier: FileStamp, now: FileStamp): boolean {
  return (
    earlier.settled &&
    isSameFile(earlier, now) &&
    earlier.bytes === now.bytes &&
    earlier.modified === now.modified &&
    earlier.changed === now.changed
  );
}

function lost(why: string): Continuation {
  return { how: 'lost', why };
}
