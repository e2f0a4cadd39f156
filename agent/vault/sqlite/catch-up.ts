/** Opens a database's files and finds out what happened since a position: the I/O around position.ts. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { type DatabaseHeader, headerOf, openIfThere, stampOf } from './files.ts';
import { continuationOf, type FileStamp, type Position, sameContent } from './position.ts';
import { readRest } from './restart.ts';
import { type Link, type Transaction, TransactionReader } from './transaction-reader.ts';
import { WalFile } from './wal-file.ts';
import type { WalIndex } from './wal-index.ts';

/** Pauses before further attempts, in milliseconds: the WAL was restarted while it was read, or its index just written. */
const pauses = [0, 1, 2, 4, 8];

/** The frames that count at a position. */
export type CountedFrames = {
  /** Where it ended reading. */
  readonly reader: TransactionReader;
  /** Page → its newest frame. */
  readonly newest: Map<number, number>;
};

/** A database's files after a look at them. */
export type CaughtUp = {
  /** Undefined: it has no WAL. */
  readonly wal: { readonly file: WalFile; readonly index: WalIndex } | undefined;
  /** Undefined: the database file alone is the database. */
  readonly frames: CountedFrames | undefined;
  readonly position: Position;
  /** What was committed since; undefined when that cannot be told. */
  readonly changes: readonly Transaction[] | undefined;
};

/**
 * Looks at a database. `'none'`: there is none at this path. `'unclear'`: its WAL can't be told now: nobody has recovered it
 * since its writer was killed, or it was restarted again and again meanwhile. Neither is so while a pin is held.
 */
export async function catchUp(
  path: string,
  clock: Clock,
  since: Position | undefined,
): Promise<CaughtUp | 'none' | 'unclear'> {
  for (const pause of pauses) {
    if (pause > 0) await clock.sleep(pause);
    const found = await lookOnce(path, clock, since);
    if (found !== 'again') return found;
  }
  return 'unclear';
}

async function lookOnce(path: string, clock: Clock, since: Position | undefined) {
  const file = stampOf(path, clock.now());
  if (!file) return 'none';
  const wal = await WalFile.open(path);
  let kept = false;
  try {
    const index = wal?.index();
    if (index === 'torn') return 'again';
    if (!wal || !index) return wal && wal.bytes > 0 ? 'unclear' : await withoutWal(path, file, since);
    const caught = await withWal({ path, clock, file, since, wal, index });
    kept = typeof caught === 'object';
    return caught;
  } finally {
    if (!kept) await wal?.close();
  }
}

type Look = {
  readonly path: string;
  readonly clock: Clock;
  readonly file: FileStamp;
  readonly since: Position | undefined;
  readonly wal: WalFile;
  readonly index: WalIndex;
};

async function withWal({ path, clock, file, since, wal, index }: Look): Promise<CaughtUp | 'again' | 'none'> {
  const { inode } = wal;
  const { salt1, salt2, frame, checksum } = index;
  const header = await readHeader(path);
  const pageBytes = index.pageBytes ?? header?.pageBytes;
  if (pageBytes === undefined) return 'none';
  const how = since ? continuationOf(since, { file, wal: { inode, salt1, salt2, pageBytes } }).how : 'lost';
  const rest = how === 'restarted' && since ? await readRest(wal, since, index.bigEndian) : [];
  const counted = await readCounted(wal, index, (how === 'continues' && since?.wal) || noPlace);
  if (!counted) return 'again';
  // Looked at last: as long as the file is untouched, no frame can have been taken into it and then overwritten.
  const untouched = how !== 'begins' || (since && sameContent(since.file, stampOf(path, clock.now()) ?? file));
  const pages = index.pages > 0 ? index.pages : lengthOf(file, pageBytes, header);
  return {
    wal: { file: wal, index },
    frames: counted.frames,
    position: { format: 1, file, pageBytes, pages, wal: { inode, salt1, salt2, frame, checksum } },
    changes: (how !== 'lost' && untouched && rest && counted.later && [...rest, ...counted.later]) || undefined,
  };
}

type Counted = {
  readonly frames: CountedFrames | undefined;
  /** The transactions after a place; undefined when that place is not in the WAL. */
  readonly later: readonly Transaction[] | undefined;
};

const noPlace: Link = { frame: 0, checksum: [0, 0] };

/** Reads all frames that count; undefined when they are not, or not any more, what the index says. */
async function readCounted(wal: WalFile, index: WalIndex, after: Link): Promise<Counted | undefined> {
  if (index.frame === 0) return { frames: undefined, later: after.frame === 0 ? [] : undefined };
  const generation = wal.generation();
  if (generation?.salt1 !== index.salt1 || generation.salt2 !== index.salt2) return undefined;
  const frames = { reader: new TransactionReader(generation), newest: new Map<number, number>() };
  const all = await readTo(wal, frames, index);
  return all && { frames, later: after.frame === 0 ? all : laterThan(after, all) };
}

function laterThan({ frame, checksum }: Link, all: readonly Transaction[]): readonly Transaction[] | undefined {
  const at = all.findIndex(({ end }) => end.frame === frame);
  const end = all[at]?.end;
  const isThere = end?.checksum[0] === checksum[0] && end.checksum[1] === checksum[1];
  return isThere ? all.slice(at + 1) : undefined;
}

/** Reads on to where the index says the WAL ends; undefined when it does not end so. */
export async function readTo(
  wal: WalFile,
  { reader, newest }: CountedFrames,
  { frame, checksum }: WalIndex,
): Promise<readonly Transaction[] | undefined> {
  const transactions = await Array.fromAsync(wal.transactions(reader, frame));
  const end = transactions.at(-1)?.end;
  if (end?.frame !== frame || end.checksum[0] !== checksum[0] || end.checksum[1] !== checksum[1]) return undefined;
  for (const { first, pages } of transactions) for (const [at, page] of pages.entries()) newest.set(page, first + at);
  return transactions;
}

async function withoutWal(path: string, file: FileStamp, since: Position | undefined): Promise<CaughtUp | 'none'> {
  const header = await readHeader(path);
  if (header === undefined) return 'none';
  const { pageBytes } = header;
  const how = since ? continuationOf(since, { file, wal: undefined }).how : 'lost';
  const pages = lengthOf(file, pageBytes, header);
  const position = { format: 1, file, pageBytes, pages, wal: null } as const;
  return { wal: undefined, frames: undefined, position, changes: how === 'lost' ? undefined : [] };
}

async function readHeader(path: string): Promise<DatabaseHeader | undefined> {
  const database = await openIfThere(path);
  try {
    return database && headerOf(database);
  } finally {
    await database?.close();
  }
}

/** In pages. What lies behind the last one is none of SQLite's: a file may be made 4 TiB long by anybody. */
function lengthOf(file: FileStamp, pageBytes: number, header: DatabaseHeader | undefined): number {
  return Math.min(header?.pages ?? Number.POSITIVE_INFINITY, Math.ceil(Number(file.bytes) / pageBytes));
}
