/** The packs that a tree needs, with the lengths of their frames. A number stands for a pack in the chunk table. */
import type { PackId } from '../../bucket/layout.ts';
import { HEADER_BYTES } from './sealed-object.ts';

/** A pack that lies in the bucket. */
export type Pack = {
  readonly id: PackId;
  /** Length of the object. */
  readonly bytes: number;
  /** Sealed and plain length of each frame. */
  readonly sealed: Uint32Array;
  readonly plain: Uint32Array;
};

/** The table. */
export class PackTable {
  readonly #packs: Pack[] = [];
  readonly #numbers = new Map<PackId, number>();

  get count(): number {
    return this.#packs.length;
  }

  /** Adds a pack, or finds the one that has its id. */
  add(pack: Pack): number {
    const known = this.#numbers.get(pack.id);
    if (known !== undefined) return known;
    this.#numbers.set(pack.id, this.#packs.length);
    return this.#packs.push(pack) - 1;
  }

  numberOf(id: PackId): number | undefined {
    return this.#numbers.get(id);
  }

  get(number: number): Pack {
    const pack = this.#packs[number];
    if (!pack) throw new RangeError(`pack ${number} of ${this.#packs.length}`);
    return pack;
  }

  /** Puts what a pack became in the place of what it was while it was written. */
  settle(number: number, pack: Pack): void {
    if (this.get(number).id !== pack.id) throw new Error('a pack keeps its id');
    this.#packs[number] = pack;
  }

  /** Forgets every pack from this number on. */
  truncate(count: number): void {
    for (const { id } of this.#packs.splice(count)) this.#numbers.delete(id);
  }
}

/** Where each frame of a pack begins in the object; one more for where the last ends. */
export function frameStarts({ sealed }: Pack): Uint32Array {
  const starts = new Uint32Array(sealed.length + 1);
  let at = HEADER_BYTES;
  for (const [frame, bytes] of sealed.entries()) {
    starts[frame] = at;
    at += bytes;
  }
  starts[sealed.length] = at;
  return starts;
}
