/** Text as people and models write it, as far as a packer can tell: words of which a few are frequent, the same in every run. */

import { seededRandom } from '@opencrane/kit/testing/seeded-random.ts';

const WORDS = 20_000;
const syllables =
  'ta re mi no lu ka ve so pi da en or al is un ti ra be co ma st ing er ly tion al de pre con ex'.split(' ');

/** Writes text. */
export class TextSource {
  readonly #random: () => number;
  readonly #words: readonly Buffer[];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#words = Array.from({ length: WORDS }, () => Buffer.from(`${this.#word()} `));
  }

  /** Fills bytes with text. */
  fill(bytes: Buffer): Buffer {
    for (let at = 0; at < bytes.length; ) {
      // Frequent as Zipf's law has it: the n-th word comes 1/n times as often as the first.
      const word = this.#words[Math.floor(WORDS * this.#random() ** 3)] ?? this.#words[0];
      at += word === undefined ? 1 : word.copy(bytes, at);
    }
    bytes[bytes.length - 1] = 10;
    return bytes;
  }

  /** So many bytes of text. */
  text(bytes: number): Buffer {
    return this.fill(Buffer.allocUnsafe(bytes));
  }

  /** A number from `least` to before `end`. */
  between(least: number, end: number): number {
    return least + Math.floor(this.#random() * (end - least));
  }

  #word(): string {
    const length = 1 + Math.floor(this.#random() * 4);
    return Array.from({ length }, () => syllables[Math.floor(this.#random() * syllables.length)]).join('');
  }
}
