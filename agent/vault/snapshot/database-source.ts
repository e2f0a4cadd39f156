/**
 * What a snapshot needs of SQLite: a consistent image of a database that others write meanwhile, as pages, and only those
 * pages that changed where that can be told (agent/vault/sqlite).
 *
 * In the course of one snapshot: `capture` every database → read `pages()` of each → upload → head moves → `release(true)`.
 * When anything fails in between: `release(false)`, and the next snapshot passes the same `since` again.
 */
import type { Json } from '@opencrane/kit/canonical-json.ts';

/**
 * Where a database was when it was captured: opaque to the vault, which keeps it as JSON in its local cache file and hands it
 * back as `since`. It must tell by itself when it no longer fits: another file under that path (inode), another WAL, a
 * restart of the machine.
 */
export type DatabasePosition = Json;

/** Consecutive pages of a database. */
export type PageRun = {
  /** The first page, counted from 0 (SQLite counts from 1). */
  readonly page: number;
  /** One or more whole pages, at most 1 MiB. The vault is done with them when it asks for the next run, so they may be reused. */
  readonly bytes: Uint8Array;
};

/** One point in time of one database. Others may go on writing to the file while it is read. */
export interface CapturedDatabase {
  /** 512 to 65,536. */
  readonly pageBytes: number;
  /** Length of the whole image in pages; pages past it that were there before are gone. */
  readonly pages: number;
  /**
   * True: `changes()` gives every page from 0 to `pages` - 1 (nothing is known of the time before, or it does not fit).
   * False: it gives a superset of what changed since `since`; none at all says that nothing changed.
   * The page size is then the one of the capture at `since`; with another one the capture is whole.
   */
  readonly whole: boolean;
  /** What to pass as `since` next time, if this capture is stored. */
  readonly position: DatabasePosition;
  /**
   * The pages, ascending, none twice, each as it is at this point in time. The image must open without a -wal: frames of the
   * WAL are folded in. Called at most once. Throws when the point in time was lost (the file was replaced, a page is
   * unreadable): the snapshot then fails and says so; nothing torn is ever stored.
   */
  changes(signal?: AbortSignal): AsyncIterable<PageRun>;
  /**
   * Lets go of what holds this point in time. `stored` says that it is in the bucket: what is older than `position` will not
   * be asked for again. Called exactly once, whatever happened. Never throws.
   */
  release(stored: boolean): Promise<void>;
}

/** Takes captures. One snapshot runs at a time, but several databases are captured at once. */
export interface DatabaseCapture {
  /**
   * Captures the database at `path` (absolute). Cheap in itself: the pages are read in `changes()`.
   * Undefined: there is no such file any more, or it is no database. Throws an OpenCraneError when it cannot be read
   * consistently now; `unavailable` when it is worth trying again (locked by its writer).
   */
  capture(
    path: string,
    since: DatabasePosition | undefined,
    signal?: AbortSignal,
  ): Promise<CapturedDatabase | undefined>;
  /** There is no database at this path any more: lets go of what is held for it. */
  forget(path: string): Promise<void>;
}
