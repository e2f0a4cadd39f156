/**
 * Remembers the few pages of OpenClaw's own database that change from look to look, to tell which of them are only ever
 * overwritten in place: as many rows as before, and a few bytes that differ. A page that gets or loses a row, or is seen for
 * the first time, is none of them until it was overwritten several times again.
 */
import type { CapturedDatabase, DatabaseCapture, PageRun } from './database-source.ts';

/** Where OpenClaw keeps its own leases, relative to the state. Databases of the user's are never waited with. */
const HEARTBEAT_DATABASE = 'state/openclaw.sqlite';
/** Pages that change at once; more is no heartbeat. */
const MOST_PAGES = 8;
/** Bytes that differ: times, and a counter or two. OpenClaw 2026.9.6 rewrites 2 to 10 in each of three pages (measured). */
const MOST_BYTES = 64;
/** The pages of tables and indexes that have rows: https://sqlite.org/fileformat2.html#b_tree_pages */
const LEAF_TYPES = [0x0a, 0x0d];

type Remembered = { readonly bytes: Buffer; readonly beats: number };

/** The pages. */
export class PageMemory {
  #pages = new Map<number, Remembered>();

  /** How often in a row a page was overwritten in place, as of the newest capture. */
  beatsOf(database: string, page: number): number {
    return database === HEARTBEAT_DATABASE ? (this.#pages.get(page)?.beats ?? 0) : 0;
  }

  /** Takes the same captures of what is below `root`; what is read of them is remembered. */
  beside(capture: DatabaseCapture, root: string): DatabaseCapture {
    return {
      capture: async (path, since, signal) => {
        const captured = await capture.capture(path, since, signal);
        if (captured === undefined || path !== `${root}/${HEARTBEAT_DATABASE}`) return captured;
        return new Followed(captured, (runs) => this.#note(runs, captured));
      },
      forget: (path) => capture.forget(path),
    };
  }

  async *#note(runs: AsyncIterable<PageRun>, { whole, pageBytes }: CapturedDatabase): AsyncGenerator<PageRun> {
    let seen = 0;
    for await (const run of runs) {
      const count = run.bytes.length / pageBytes;
      seen += count;
      if (whole || seen > MOST_PAGES)
        this.#pages = new Map(); // too much to remember, and no heartbeat
      else {
        for (let at = 0; at < count; at += 1) {
          this.#remember(run.page + at, run.bytes.subarray(at * pageBytes, (at + 1) * pageBytes));
        }
      }
      yield run;
    }
  }

  #remember(page: number, bytes: Uint8Array): void {
    const before = this.#pages.get(page);
    if (before?.bytes.equals(bytes)) return; // looked at again
    const beats = before && isInPlace(before.bytes, bytes) ? before.beats + 1 : 0;
    this.#pages.delete(page);
    this.#pages.set(page, { bytes: Buffer.from(bytes), beats });
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > 2 * MOST_PAGES && oldest !== undefined) this.#pages.delete(oldest);
  }
}

/** A capture whose pages somebody sees on their way. */
class Followed implements CapturedDatabase {
  readonly pageBytes: number;
  readonly pages: number;
  readonly whole: boolean;
  readonly position: CapturedDatabase['position'];
  readonly #captured: CapturedDatabase;
  readonly #see: (runs: AsyncIterable<PageRun>) => AsyncIterable<PageRun>;

  constructor(captured: CapturedDatabase, see: (runs: AsyncIterable<PageRun>) => AsyncIterable<PageRun>) {
    this.pageBytes = captured.pageBytes;
    this.pages = captured.pages;
    this.whole = captured.whole;
    this.position = captured.position;
    this.#captured = captured;
    this.#see = see;
  }

  changes(signal?: AbortSignal): AsyncIterable<PageRun> {
    return this.#see(this.#captured.changes(signal));
  }

  release(stored: boolean): Promise<void> {
    return this.#captured.release(stored);
  }
}

/** Whether rows were only overwritten. A row that comes or goes changes the number of rows, which is at byte 3. */
function isInPlace(before: Buffer, now: Uint8Array): boolean {
  const [type] = now;
  if (type === undefined || !LEAF_TYPES.includes(type) || before[0] !== type || before.length !== now.length)
    return false;
  if (before[3] !== now[3] || before[4] !== now[4]) return false;
  let different = 0;
  for (let at = 0; at < now.length; at += 1) if (before[at] !== now[at]) different += 1;
  return different <= MOST_BYTES;
}
