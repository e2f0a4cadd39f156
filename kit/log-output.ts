/**
 * Where log lines go, at the cost of lines and never of the process: a disk without room, a terminal that was closed, a reader
 * that has died or stands still lose what was to be said meanwhile, and the next line that gets through says how much that was.
 */
import { writeSync } from 'node:fs';
import { messageOf, systemCode } from './errors.ts';

/** What was not written. */
export type LostLines = { readonly lost: number /** Why the first of them was. */; readonly why: string };

/** How to write, for tests. Like `writeSync` of node:fs: it may write less than it is given, and throws. */
export type Write = (descriptor: number, bytes: Uint8Array, offset: number) => number;

/** A pipe whose reader is slow is waited for in steps of this, so many times, once for a line and not again until it reads on. */
const WAIT_MILLIS = 10;
const MOST_WAITS = 10;

/** An open file descriptor that takes log lines. */
export class LogOutput {
  readonly #descriptor: number;
  readonly #onRecovered: (lost: LostLines) => void;
  readonly #write: Write;
  #lost: LostLines | undefined;
  /** A line was written in part: the next one must not go on in it. */
  #isCut = false;

  /** `onRecovered` is told when lines get through again; it may log. */
  constructor(descriptor: number, onRecovered: (lost: LostLines) => void, write: Write = writeSync) {
    this.#descriptor = descriptor;
    this.#onRecovered = onRecovered;
    this.#write = write;
  }

  /** Writes a line with its line end, or counts it as lost. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(this.#isCut ? `\n${line}` : line);
    let written = 0;
    try {
      for (let waits = 0; written < bytes.length; ) {
        try {
          written += this.#write(this.#descriptor, bytes, written);
        } catch (cause) {
          if (systemCode(cause) !== 'EAGAIN' || this.#lost !== undefined || waits >= MOST_WAITS) throw cause;
          waits += 1;
          waitBlocking(WAIT_MILLIS);
        }
      }
    } catch (cause) {
      if (written > 0) this.#isCut = true;
      this.#lost = { lost: (this.#lost?.lost ?? 0) + 1, why: this.#lost?.why ?? messageOf(cause) };
      return;
    }
    this.#isCut = false;
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) this.#onRecovered(lost);
  }
}

/** Says on standard error why a program ends, if that can be said at all. */
export function writeLastWords(words: string): void {
  new LogOutput(2, () => {}).write(`${words}\n`);
}

/** Lines are written synchronously, so that a crash loses none; so is the waiting. */
function waitBlocking(millis: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis);
}
