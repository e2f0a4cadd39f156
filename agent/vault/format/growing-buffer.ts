import { freeBuffer } from './free-buffer.ts';

/** Bytes that are put one after the other, in memory that is used again and again. */
export class GrowingBuffer {
  #memory = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;

  /** What was put in; good until the next call. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#memory.length * 2));
      larger.set(this.bytes);
      freeBuffer(this.#memory);
      this.#memory = larger;
    }
    this.#memory.set(bytes, this.#length);
    this.#length = length;
  }

  /** Begins anew. */
  clear(): void {
    this.#length = 0;
  }

  /** Gives its memory back; it is not used any more. */
  free(): void {
    freeBuffer(this.#memory);
  }
}
