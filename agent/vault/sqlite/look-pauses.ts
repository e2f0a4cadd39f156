/**
 * How long to wait until the next look at the databases: pure.
 *
 * A WAL is restarted after 1,000 frames (SQLite's default, and OpenClaw's). The thread is lost when a whole generation and
 * more goes by between two looks, so the faster a database is written, the sooner it is looked at again.
 */

/** Frames that may be written between two looks: an eighth of a generation, since both looks and writers come unevenly. */
const aimedFrames = 125;

/** While little is written. A burst of more than 16 MB/s (pages of 4 KiB) that begins within it may go by unseen. */
const longestMillis = 250;

/** However much is written. */
const shortestMillis = 10;

/** Something that counts the frames it saw written. */
type Written = { readonly written: number };

/** Remembers what was written, from look to look. */
export class LookPauses {
  #before = new Map<Written, number>();
  #at = 0;
  #pause = longestMillis;

  /** The pause after a look that ended `now`, in milliseconds. Of what is looked at for the first time nothing is known. */
  next(databases: readonly Written[], now: number): number {
    const frames = databases.map((database) => database.written - (this.#before.get(database) ?? database.written));
    const perMilli = Math.max(0, ...frames) / Math.max(1, now - this.#at);
    this.#before = new Map(databases.map((database) => [database, database.written]));
    this.#at = now;
    // At most twice the last one: seen from close by, a writer that commits in batches seems to rest between them.
    const longest = Math.min(longestMillis, 2 * this.#pause);
    this.#pause = Math.min(longest, Math.max(shortestMillis, aimedFrames / perMilli));
    return this.#pause;
  }
}
