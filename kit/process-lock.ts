/**
 * A lock that lives exactly as long as the process that holds it, `kill -9` included.
 *
 * It is SQLite's own file lock (fcntl on Linux and macOS): the kernel drops it when the process is gone,
 * children don't inherit it, and there is no stale pid to misread.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OpenCraneError } from './errors.ts';

/** The locks of this process: one that nobody else refers to would be collected, and be free. */
const held = new Set<DatabaseSync>();

/** A lock that is held. */
export interface ProcessLock {
  release(): void;
}

/**
 * Takes the lock at `path`, or throws `already_exists` when another process holds it: at once, or after `patienceMillis`,
 * for who must not be turned away by somebody that only looks whether the lock is free, and holds it for that moment.
 */
export function takeProcessLock(path: string, whose: string, patienceMillis = 0): ProcessLock {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path, { timeout: patienceMillis });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
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
