/**
 * Where the content of a file with holes lies: runs of chunks by their places. What is in none is a hole: zeros that take no
 * room, neither on a disk nor here. A file of 4 TiB has 16 million places, and perhaps one chunk.
 */

/** The runs of one file, in order, never one right after another. */
export class Extents {
  /** The first place of each run. A file may be longer than 32 bits count chunks. */
  readonly #places: Float64Array;
  /** How many chunks come before each run; one more for the end. */
  readonly #before: Uint32Array;

  /** Of a flat list: first place, number of chunks, and so on. Throws when they are out of order. */
  static of(flat: readonly number[]): Extents {
    const runs = flat.length / 2;
    if (!Number.isInteger(runs)) throw new Error('extents are not whole');
    const places = new Float64Array(runs);
    const before = new Uint32Array(runs + 1);
    let end = -1;
    for (let run = 0; run < runs; run += 1) {
      const [place = 0, chunks = 0] = [flat[run * 2], flat[run * 2 + 1]];
      if (place <= end || chunks < 1) throw new Error('extents are out of order');
      places[run] = place;
      before[run + 1] = (before[run] ?? 0) + chunks;
      end = place + chunks;
    }
    return new Extents(places, before);
  }

  private constructor(places: Float64Array, before: Uint32Array) {
    this.#places = places;
    this.#before = before;
  }

  /** How many chunks there are. */
  get chunks(): number {
    return this.#before.at(-1) ?? 0;
  }

  /** The place after the last chunk. */
  get end(): number {
    const run = this.#places.length - 1;
    return run < 0 ? 0 : (this.#places[run] ?? 0) + this.#lengthOf(run);
  }

  /** The place of a chunk, which is given by its number among those that are there. */
  placeOf(chunk: number): number {
    const run = lastNotAbove(this.#before, this.#places.length, chunk);
    return (this.#places[run] ?? 0) + chunk - (this.#before[run] ?? 0);
  }

  /** The number of the chunk at a place; undefined in a hole. */
  chunkAt(place: number): number | undefined {
    const run = lastNotAbove(this.#places, this.#places.length, place);
    const offset = place - (this.#places[run] ?? 0);
    return run < 0 || offset >= this.#lengthOf(run) ? undefined : (this.#before[run] ?? 0) + offset;
  }

  /** As it was given. */
  flat(): number[] {
    return [...this.#places].flatMap((place, run) => [place, this.#lengthOf(run)]);
  }

  equals(other: Extents): boolean {
    return (
      this.#places.length === other.#places.length &&
      isSame(this.#places, other.#places) &&
      isSame(this.#before, other.#before)
    );
  }

  #lengthOf(run: number): number {
    return (this.#before[run + 1] ?? 0) - (this.#before[run] ?? 0);
  }
}

/** Where the last of the first `count` ascending values is that is not above another; -1 when each is. */
function lastNotAbove(values: Float64Array | Uint32Array, count: number, most: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function isSame(a: Float64Array | Uint32Array, b: Float64Array | Uint32Array): boolean {
  return a.every((value, at) => value === b[at]);
}
