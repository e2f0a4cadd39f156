/** The last lines of a terminal, drawn again and again in the same place. */

import { forTerminal, plainText } from '@opencrane/kit/terminal-text.ts';
import { widthOf } from './table.ts';

const CLEAR_TO_END = '\u001b[0J';

/** Lines that are replaced by the next ones. */
export class LiveArea {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  #drawn = 0;

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write;
    this.#columns = columns;
  }

  /** Draws the lines in the place of those before. */
  draw(lines: readonly string[]): void {
    const fitting = lines.map((line) => this.#fit(line));
    this.#write(`${this.#home()}${fitting.map((line) => `${line}\n`).join('')}`);
    this.#drawn = fitting.length;
  }

  /** Takes the lines away, or leaves them for good. What is written next stands below. */
  end(keep: boolean): void {
    if (!keep) this.#write(this.#home());
    this.#drawn = 0;
  }

  #home(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r${CLEAR_TO_END}`;
  }

  /** A line that wrapped would be two, and the next drawing would begin a line too low. */
  #fit(line: string): string {
    const columns = this.#columns();
    if (widthOf(line) < columns) return forTerminal(line);
    return `${[...plainText(line)].slice(0, Math.max(0, columns - 2)).join('')}…`;
  }
}
