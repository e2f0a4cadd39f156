/**
 * A lock that lives exactly as long as the process that holds it, `kill -9` included.
 *
 * It is SQLite's own file lock (fcntl on Linux and macOS): the kernel drops it when the process is gone,
 * children don't inherit it, and there is no stale pid to misread.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, OpenCraneError } from './errors.ts';
import { systemMeaning } from './system-error.ts';

/** The locks of this process: one that nobody else refers to would be collected, and be free. */
const held = new Set<DatabaseSync>();

/** A lock that is held. */
export interface ProcessLock {
  release(): void;
}

/**
 * Takes the lock at `path`. Throws `failed_precondition` when there is no lock file at `path` but something else, and
 * `already_exists` when another process holds it: at once, or after `patienceMillis`,
 * for who must not be turned away by somebody that only looks whether the lock is free, and holds it for that moment.
 */
export function takeProcessLock(path: string, whose: string, patienceMillis = 0): ProcessLock {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = open(path, whose, patienceMillis);
  try {
    // The journal in memory: BEGIN EXCLUSIVE makes one beside the file otherwise, for which a full disk has no room.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw systemMeaning(cause) === undefined ? unusable(path, whose, cause) : cause;
    throw new OpenCraneError(
      'already_exists',
      'lock_held',
      `${whose} is already running: another process holds ${path}`,
      {
        cause,
        mend: 'stop the other one first',
      },
    );
  }
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

function open(path: string, whose: string, patienceMillis: number): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: patienceMillis });
  } catch (cause) {
    throw systemMeaning(cause) === undefined ? unusable(path, whose, cause) : cause;
  }
}

/** SQLITE_BUSY with any of its extended codes (https://www.sqlite.org/rescode.html). */
function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === 5;
}

function unusable(path: string, whose: string, cause: unknown): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'lock_unusable',
    `locking ${path} for ${whose}: it is no lock file, or cannot be written: ${messageOf(cause)}`,
    { cause, field: path, mend: 'look what it is; a lock holds no data, and can be removed while nothing runs here' },
  );
}
