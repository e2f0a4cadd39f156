/**
 * OpenClaw's output in a file. OpenClaw itself holds the descriptor, so that neither a frozen nor a dead launcher
 * blocks it; the file is therefore rotated by copying and truncating, which an appending writer does not notice.
 */
import { closeSync, copyFileSync, fstatSync, openSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { readLogTail, sizeOfLog } from '@opencrane/kit/log-tail.ts';

const MOST_BYTES = 10 * 1024 * 1024;
const LAST_WORDS_LINES = 30;

/** A log that a process is about to write to. */
export class LogFile {
  readonly #path: string;
  readonly #begin: number;
  /** To hand to the process; `close` it here once the process has it. */
  readonly descriptor: number;

  constructor(path: string) {
    this.#path = path;
    if (sizeOfLog(path) > MOST_BYTES) renameSync(path, `${path}.1`);
    this.descriptor = openSync(path, 'a', 0o600);
    this.#begin = fstatSync(this.descriptor).size;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /**
   * Keeps the file below its bound while it is written to. Lines written between copy and truncation are lost. A disk that has
   * no room for the copy is given time until the file is twice as long; then it is emptied without one. Never throws.
   */
  rotate(): void {
    const older = `${this.#path}.1`;
    try {
      const size = sizeOfLog(this.#path);
      if (size <= MOST_BYTES) return;
      if (!copied(this.#path, older) && size <= 2 * MOST_BYTES) return;
      truncateSync(this.#path, 0);
    } catch {
      // What cannot be looked at or emptied now is tried again in a while; OpenClaw's log is not worth its life.
    }
  }

  /** The last lines that were written since this was opened; none when they cannot be read. Never throws. */
  lastWords(): string {
    try {
      return readLogTail(this.#path, this.#begin).split('\n').slice(-LAST_WORDS_LINES).join('\n');
    } catch {
      return ''; // somebody removed the file, or too many are open
    }
  }
}

/** Whether the copy is whole; a part of one is removed. */
function copied(path: string, copy: string): boolean {
  try {
    copyFileSync(path, copy);
    return true;
  } catch {
    removeIfPossible(copy);
    return false;
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next copy writes over it.
  }
}
