/** A set of pages as one bit each: 32 KiB for a database of 1 GiB, however many of its pages change. */

/** Pages, counted from 0. */
export class PageSet {
  #words = new Uint32Array(16);
  #size = 0;

  /** How many pages are in it. */
  get size(): number {
    return this.#size;
  }

  add(page: number): void {
    const word = page >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    const bit = 1 << (page & 31);
    const before = this.#words[word] ?? 0;
    if (before & bit) return;
    this.#words[word] = before | bit;
    this.#size += 1;
  }

  addAll(pages: Iterable<number>): void {
    for (const page of pages) this.add(page);
  }

  has(page: number): boolean {
    return (((this.#words[page >>> 5] ?? 0) >>> (page & 31)) & 1) === 1;
  }

  /** The pages below `end`, ascending. */
  *below(end: number): Generator<number> {
    for (let word = 0; word < this.#words.length && word * 32 < end; word += 1) {
      for (let bits = this.#words[word] ?? 0; bits !== 0; bits &= bits - 1) {
        const page = word * 32 + 31 - Math.clz32(bits & -bits);
        if (page >= end) return;
        yield page;
      }
    }
  }

  #grow(words: number): void {
    const grown = new Uint32Array(Math.max(words, this.#words.length * 2));
    grown.set(this.#words);
    this.#words = grown;
  }
}
