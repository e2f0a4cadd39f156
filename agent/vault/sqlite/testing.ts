/** Databases, writers and replicas for this folder's tests. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { CapturedDatabase } from '../snapshot/database-source.ts';
import { SqliteCapture } from './sqlite-capture.ts';

/** A folder that the test removes. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'opencrane-sqlite-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Captures on the machine's clock. */
export function openCapture(folder: string): Promise<SqliteCapture> {
  const log = createLogger({ program: 'test', level: 'silent' });
  return SqliteCapture.open({ clock: systemClock, log, copies: join(folder, 'copies') });
}

/** What every committed state of the writer's database has to show. */
export type Witness = { readonly sequence: number };

/** A copy that captures are applied to, as the vault's restore would. */
export class Replica {
  readonly #path: string;
  readonly #file: number;
  /** How many captures were whole, and how many pages came in all. */
  readonly counts = { whole: 0, partial: 0, pages: 0 };

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'w+');
  }

  /** Applies a capture, checks the rules of its shape, and lets go of it as stored. */
  async apply(captured: CapturedDatabase): Promise<void> {
    try {
      await this.read(captured);
    } catch (cause) {
      await captured.release(false);
      throw cause;
    }
    await captured.release(true);
  }

  /** Applies a capture's pages. */
  async read(captured: CapturedDatabase): Promise<void> {
    let next = 0;
    for await (const { page, bytes } of captured.changes()) {
      assert.ok(page >= next, `page ${page} after ${next - 1}: ascending, none twice`);
      assert.ok(bytes.length > 0 && bytes.length <= 1024 ** 2 && bytes.length % captured.pageBytes === 0);
      if (captured.whole) assert.equal(page, next, 'a whole capture has every page');
      writeSync(this.#file, bytes, 0, bytes.length, page * captured.pageBytes);
      next = page + bytes.length / captured.pageBytes;
      this.counts.pages += bytes.length / captured.pageBytes;
    }
    if (captured.whole) assert.equal(next, captured.pages, 'a whole capture has every page');
    assert.ok(next <= captured.pages);
    ftruncateSync(this.#file, captured.pages * captured.pageBytes);
    this.counts[captured.whole ? 'whole' : 'partial'] += 1;
  }

  /** Opens the copy as it lies, without a WAL. */
  open(): DatabaseSync {
    const url = pathToFileURL(this.#path);
    url.searchParams.set('immutable', '1');
    return new DatabaseSync(url, { readOnly: true });
  }

  /** What SQLite finds in the copy; fails when that is no committed state of a testing-writer. */
  witness(): Witness {
    const database = this.open();
    try {
      const problems = database.prepare('PRAGMA integrity_check').all();
      assert.deepEqual(
        problems.map((row) => row['integrity_check']),
        ['ok'],
      );
      const state = database
        .prepare(
          `SELECT (SELECT value FROM counter WHERE name = 'first') AS first,
                  (SELECT value FROM counter WHERE name = 'second') AS second,
                  (SELECT max(sequence) FROM entry) AS last,
                  (SELECT count(*) FROM entry) AS entries,
                  (SELECT value FROM counter WHERE name = 'entries') AS expected`,
        )
        .get();
      assert.equal(state?.['first'], state?.['second'], 'two counters that each transaction moves together');
      assert.equal(state?.['last'], state?.['first'], 'the last entry is of the same transaction');
      assert.equal(state?.['entries'], state?.['expected'], 'no entry is missing');
      return { sequence: Number(state?.['first']) };
    } finally {
      database.close();
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** How a writer behaves. */
export type WriterOrder = {
  readonly path: string;
  readonly seed: number;
  readonly pageBytes: number;
  readonly autoCheckpoint: number;
  readonly actions: readonly string[];
  /** Pages in its cache: with few, large transactions spill into the WAL before they commit. */
  readonly cachePages: number;
};

/** A process that writes all the time, and tells after each transaction how far it is. */
export class Writer {
  readonly #child: ChildProcess;
  /** The last transaction that it was told is committed. */
  acknowledged = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (sequence) => {
      this.acknowledged = Number(sequence);
    });
  }

  /** Starts one; resolves when it has committed something. */
  static async start(order: WriterOrder): Promise<Writer> {
    const main = fileURLToPath(new URL('./testing-writer.ts', import.meta.url));
    const child = fork(main, [JSON.stringify(order)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    const writer = new Writer(child);
    await once(child, 'message');
    return writer;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Kills it in the middle of whatever it does. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Lets it end its transaction and close the database as its only user would. */
  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

/**
 * A connection in a process of its own. Tests may not hold one themselves: the code under test opens and closes the same
 * files, and with that would take the connection's locks away (see pin-main.mjs).
 */
export class Connection {
  readonly #child: ChildProcess;

  constructor(path: string) {
    const main = fileURLToPath(new URL('./testing-sql.ts', import.meta.url));
    this.#child = fork(main, [path], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    this.#child.unref(); // a test that failed before it could close must still end
    this.#child.channel?.unref();
  }

  /** Runs statements, separated by `;`, and gives the rows of the last one. */
  async run(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    this.#child.channel?.ref();
    const answered = once(this.#child, 'message');
    this.#child.send(sql);
    const [answer] = await answered;
    this.#child.channel?.unref();
    if ('failure' in answer) throw new Error(answer.failure);
    return answer.rows;
  }

  /** Closes the database as its user would, and ends the process. */
  async close(): Promise<void> {
    await this.run('close');
    await this.kill();
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
