/**
 * OpenClaw's output in a file. OpenClaw itself holds the descriptor, so that neither a frozen nor a dead launcher
 * blocks it; the file is therefore rotated by copying and truncating, which an appending writer does not notice.
 */
import { closeSync, copyFileSync, fstatSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';

const MOST_BYTES = 10 * 1024 * 1024;
const LAST_WORDS_BYTES = 8 * 1024;
const LAST_WORDS_LINES = 30;

/** A log that a process is about to write to. */
export class LogFile {
  readonly #path: string;
  readonly #begin: number;
  /** To hand to the process; `close` it here once the process has it. */
  readonly descriptor: number;

  constructor(path: string) {
    this.#path = path;
    if (sizeOf(path) > MOST_BYTES) renameSync(path, `${path}.1`);
    this.descriptor = openSync(path, 'a', 0o600);
    this.#begin = fstatSync(this.descriptor).size;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** Keeps the file below its bound while it is written to. Lines written between copy and truncation are lost. */
  rotate(): void {
    if (sizeOf(this.#path) <= MOST_BYTES) return;
    copyFileSync(this.#path, `${this.#path}.1`);
    truncateSync(this.#path, 0);
  }

  /** The last lines that were written since this was opened. */
  lastWords(): string {
    const size = sizeOf(this.#path);
    const begin = Math.max(size < this.#begin ? 0 : this.#begin, size - LAST_WORDS_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - begin));
    const file = openSync(this.#path, 'r');
    try {
      readSync(file, buffer, 0, buffer.length, begin);
    } finally {
      closeSync(file);
    }
    return buffer.toString('utf8').trimEnd().split('\n').slice(-LAST_WORDS_LINES).join('\n');
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 0;
    throw cause;
  }
}
