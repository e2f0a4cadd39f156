/**
 * Every chunk that a tree needs: its name and where it lies. A number stands for a chunk everywhere else. A database of 1 GB
 * has 262,144 of them, so they are kept in typed arrays (32 bytes each) and found by open addressing (4 to 8 bytes each).
 */

import { freeBuffer } from '../format/free-buffer.ts';

const NAME_WORDS = 4;
const PLACE_WORDS = 3;
const FIRST_CAPACITY = 1024;

/** Where a chunk lies: pack (its number in the pack table), frame, offset in the frame's plain text. */
export type ChunkPlace = { readonly pack: number; readonly frame: number; readonly offset: number };

/** The table. Numbers count from 0 in the order of adding. */
export class ChunkTable {
  #count = 0;
  #names = new Uint32Array(FIRST_CAPACITY * NAME_WORDS);
  #places = new Uint32Array(FIRST_CAPACITY * PLACE_WORDS);
  /** Number + 1 of the chunk that a name leads to; 0 is free. At most half full. */
  #index = new Uint32Array(FIRST_CAPACITY * 2);

  get count(): number {
    return this.#count;
  }

  /** The chunk of this name that was added last; -1 when there is none. */
  find(name: Buffer, at = 0): number {
    const [a, b, c, d] = wordsOf(name, at);
    return (this.#index[this.#slot(a, b, c, d)] ?? 0) - 1;
  }

  /** Adds a chunk. One that has the name already stays, and is not found by it any more. */
  add(name: Buffer, at: number, { pack, frame, offset }: ChunkPlace): number {
    const chunk = this.#count;
    if ((chunk + 1) * NAME_WORDS > this.#names.length) this.#grow();
    const words = wordsOf(name, at);
    this.#names.set(words, chunk * NAME_WORDS);
    const place = chunk * PLACE_WORDS;
    this.#places[place] = pack;
    this.#places[place + 1] = frame;
    this.#places[place + 2] = offset;
    this.#count += 1;
    this.#index[this.#slot(...words)] = chunk + 1;
    return chunk;
  }

  pack(chunk: number): number {
    return this.#places[chunk * PLACE_WORDS] ?? 0;
  }

  frame(chunk: number): number {
    return this.#places[chunk * PLACE_WORDS + 1] ?? 0;
  }

  offset(chunk: number): number {
    return this.#places[chunk * PLACE_WORDS + 2] ?? 0;
  }

  /** Writes the name of a chunk. */
  writeName(chunk: number, target: Buffer, at: number): void {
    for (let word = 0; word < NAME_WORDS; word += 1)
      target.writeUInt32LE(this.#names[chunk * NAME_WORDS + word] ?? 0, at + word * 4);
  }

  /** Forgets every chunk from this number on. If there is any, all the others are found again. */
  truncate(count: number): void {
    if (count >= this.#count) return;
    this.#count = count;
    this.#reindex(() => true);
  }

  /** From now on only chunks that pass are found by their names; the others stay where they are. */
  findOnly(passes: (chunk: number) => boolean): void {
    this.#reindex(passes);
  }

  /** By half, which leaves a third of them free at most. */
  #grow(): void {
    const capacity = Math.ceil(this.#count * 1.5);
    this.#names = enlarged(this.#names, capacity * NAME_WORDS);
    this.#places = enlarged(this.#places, capacity * PLACE_WORDS);
    if (capacity * 2 > this.#index.length) this.#growIndex();
  }

  /** Its length is a power of two. */
  #growIndex(): void {
    const old = this.#index;
    this.#index = new Uint32Array(old.length * 2);
    // Only what was found before is found after.
    for (const entry of old) if (entry > 0) this.#index[this.#slotOf(entry - 1)] = entry;
    freeBuffer(old);
  }

  #reindex(passes: (chunk: number) => boolean): void {
    this.#index.fill(0);
    for (let chunk = 0; chunk < this.#count; chunk += 1)
      if (passes(chunk)) this.#index[this.#slotOf(chunk)] = chunk + 1;
  }

  #slotOf(chunk: number): number {
    const at = chunk * NAME_WORDS;
    const names = this.#names;
    return this.#slot(names[at] ?? 0, names[at + 1] ?? 0, names[at + 2] ?? 0, names[at + 3] ?? 0);
  }

  /** The place of a name in the index, or where it would go. Names are as good as random, so their first word is a hash. */
  #slot(a: number, b: number, c: number, d: number): number {
    const [names, index, mask] = [this.#names, this.#index, this.#index.length - 1];
    let slot = a & mask;
    for (;;) {
      const entry = index[slot] ?? 0;
      if (entry === 0) return slot;
      const at = (entry - 1) * NAME_WORDS;
      if (names[at] === a && names[at + 1] === b && names[at + 2] === c && names[at + 3] === d) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

type Words = readonly [number, number, number, number];

function wordsOf(name: Buffer, at: number): Words {
  return [name.readUInt32LE(at), name.readUInt32LE(at + 4), name.readUInt32LE(at + 8), name.readUInt32LE(at + 12)];
}

function enlarged(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(words);
  freeBuffer(words);
  return larger;
}
