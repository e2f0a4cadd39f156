/**
 * Who may change the objects of a folder: one at a time among the processes of one machine.
 *
 * The lock file lies in the folder. It also works on gcsfuse, where the kernel keeps the locks of one mount (seen with
 * 3.11.2); another mount or machine knows nothing of it.
 */
import { type BackoffOptions, backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { type ProcessLock, takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { folderError } from './folder-errors.ts';

/** It is held for a rename or two, which take milliseconds on a disk and some requests on gcsfuse. */
const RETRY: BackoffOptions = { firstMillis: 4, maxMillis: 100 };
const PATIENCE_MILLIS = 30_000;

/** Codes of SQLite; their upper bytes only refine them (https://www.sqlite.org/rescode.html). */
const [BUSY, READ_ONLY, CANNOT_OPEN] = [5, 8, 14];

/** The lock of one folder. */
export class FolderLock {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, clock: Clock, random: () => number) {
    this.#path = path;
    this.#clock = clock;
    this.#random = random;
  }

  /** Does the work while nobody else may change anything. Those of this process wait in line, without asking the disk. */
  async hold<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    await before;
    try {
      const lock = await this.#take(signal);
      try {
        return await work();
      } finally {
        lock.release();
      }
    } finally {
      done.resolve();
    }
  }

  async #take(signal: AbortSignal | undefined): Promise<ProcessLock> {
    const began = this.#clock.monotonic();
    for (let attempt = 0; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        return takeProcessLock(this.#path, 'a writer of this bucket');
      } catch (cause) {
        this.#judge(cause, began);
      }
      await this.#clock.sleep(1 + backoffMillis(attempt, RETRY, this.#random), signal);
    }
  }

  /** Lets pass that another holds it, for a while. */
  #judge(cause: unknown, began: number): void {
    const code = sqliteCode(cause);
    if (code === BUSY && this.#clock.monotonic() - began < PATIENCE_MILLIS) return;
    const doing = `taking the lock ${this.#path}`;
    if (code === undefined) throw folderError(doing, cause);
    if (code === READ_ONLY || code === CANNOT_OPEN) {
      throw new OpenCraneError('permission_denied', 'bucket_access_denied', `${doing}: it cannot be written`, {
        mend: 'make the folder writable for the user that the agent runs as',
        cause,
      });
    }
    throw new OpenCraneError('unavailable', 'bucket_lock', `${doing}: ${messageOf(cause)}`, {
      mend: 'find the process that holds the file for so long; it is tried again',
      cause,
    });
  }
}

/** The code of an error of SQLite, as takeProcessLock gives it on. */
function sqliteCode(thrown: unknown): number | undefined {
  const cause = thrown instanceof OpenCraneError ? thrown.cause : thrown;
  return cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : undefined;
}
