/** The chunks of a file, as they are read: where they lie, and their numbers. */
import { Extents } from './extents.ts';

const FIRST_CAPACITY = 64;

/** The list. */
export class ChunkList {
  #chunks = new Uint32Array(FIRST_CAPACITY);
  #count = 0;
  /** First place and number of chunks of each run. */
  #runs: number[] = [];

  /** Adds the chunk at a place, which comes after all others. */
  add(place: number, chunk: number): void {
    if (this.#count === this.#chunks.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#chunks);
      this.#chunks = larger;
    }
    const isNext = this.#count > 0 && this.#end === place;
    this.#chunks[this.#count] = chunk;
    this.#count += 1;
    if (isNext) this.#runs[this.#runs.length - 1] = (this.#runs.at(-1) ?? 0) + 1;
    else this.#runs.push(place, 1);
  }

  /** How many runs there are. */
  get runs(): number {
    return this.#runs.length / 2;
  }

  /** The numbers, in order. */
  get chunks(): Uint32Array {
    return this.#chunks.subarray(0, this.#count);
  }

  /** As a file of so many places has them; `extents` when some of those are holes. */
  finish(places: number): { readonly chunks: Uint32Array; readonly extents?: Extents } {
    const chunks = this.chunks.slice();
    return this.#count === places ? { chunks } : { chunks, extents: Extents.of(this.#runs) };
  }

  /** The same list, with other numbers, which may get more without this one getting them. */
  copy(number: (chunk: number) => number = (chunk) => chunk): ChunkList {
    const copy = new ChunkList();
    copy.#chunks = this.#chunks.map(number);
    copy.#count = this.#count;
    copy.#runs = this.#runs.slice();
    return copy;
  }

  /** The place after the last chunk. */
  get #end(): number {
    return (this.#runs.at(-2) ?? 0) + (this.#runs.at(-1) ?? 0);
  }
}
