/** Where a command writes: for people in a terminal, for people through a pipe, or for programs as JSON. */
import type { JsonValue } from '@bufbuild/protobuf';
import { forTerminal, jsonForTerminal, type Style, styled } from '@opencrane/kit/terminal-text.ts';
import { LiveArea } from './live-area.ts';
import { renderTable, type TableCell } from './table.ts';

/** What is written to; process.stdout is one. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Answers false when the next should wait for `drain`. */
  write(data: string | Uint8Array): unknown;
  once?(event: 'drain', listener: () => void): unknown;
}

/** The output of one command. */
export class Output {
  /** Whether a program reads it. */
  readonly json: boolean;
  readonly #out: Sink;
  readonly #errors: Sink;
  readonly #colours: boolean;

  constructor(options: {
    readonly json: boolean;
    readonly out: Sink;
    readonly errors: Sink;
    readonly colours: boolean;
  }) {
    this.json = options.json;
    this.#out = options.out;
    this.#errors = options.errors;
    this.#colours = options.colours;
  }

  /** Whether a person looks at it as it is written. */
  get interactive(): boolean {
    return !this.json && this.#out.isTTY === true;
  }

  /** Whether what is written ends in a terminal. */
  get terminal(): boolean {
    return this.#out.isTTY === true;
  }

  /** An output that leaves standard output alone, for a command that writes something else there. */
  beside(): Output {
    return new Output({ json: this.json, out: this.#errors, errors: this.#errors, colours: this.#colours });
  }

  /** A line for people; programs don't get it. A control character in it, a line break too, is shown and does nothing. */
  line(text = ''): void {
    if (!this.json) this.#out.write(`${forTerminal(text)}\n`);
  }

  /** A table for people; says `empty` when it has no rows. */
  table(titles: readonly string[], rows: readonly (readonly TableCell[])[], empty: string): void {
    if (this.json) return;
    const [head, ...lines] = rows.length === 0 ? [] : renderTable(titles, rows);
    this.line(head === undefined ? this.style('dim', empty) : this.style('bold', head));
    for (const line of lines) this.line(line);
  }

  /** The one document of a command, for programs. */
  document(value: JsonValue): void {
    if (this.json) this.#out.write(`${jsonForTerminal(value, 2)}\n`);
  }

  /** The error of a command, for programs: one line beside the result. */
  errorDocument(value: JsonValue): void {
    if (this.json) this.#errors.write(`${jsonForTerminal(value)}\n`);
  }

  /** One of many documents of a command, for programs. */
  jsonLine(value: JsonValue): void {
    if (this.json) this.#out.write(`${jsonForTerminal(value)}\n`);
  }

  /** Bytes as they are; resolves when there is room for more, and rejects when the signal fires before that. */
  async bytes(data: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#out.write(data) !== false || this.#out.once === undefined) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#out.once('drain', resolve);
    await promise.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** A line beside the result, for people: what is going on, what went wrong. Written like `line`. */
  note(text: string): void {
    this.#errors.write(`${forTerminal(text)}\n`);
  }

  /** Lines that are drawn again in their place. Only for a terminal. */
  live(): LiveArea {
    return new LiveArea(
      (text) => this.#out.write(text),
      () => this.#out.columns ?? 80,
    );
  }

  /** Text in a style, where it is wanted and can be shown. */
  style(style: Style, text: string): string {
    return this.#colours && !this.json ? styled(style, text) : text;
  }
}
