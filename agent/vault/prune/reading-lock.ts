/** Snapshots are read by many at once, and removed while nobody reads: what a reader has chosen must not go in the middle. */
export class ReadingLock {
  #readers = 0;
  #isRemoving = false;
  #changed = Promise.withResolvers<void>();

  /** Reads; waits while something is removed. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isRemoving) await this.#changed.promise;
    this.#readers += 1;
    try {
      return await work();
    } finally {
      this.#readers -= 1;
      this.#wake();
    }
  }

  /** Removes, when nobody reads. */
  async remove<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isRemoving || this.#readers > 0) await this.#changed.promise;
    this.#isRemoving = true;
    try {
      return await work();
    } finally {
      this.#isRemoving = false;
      this.#wake();
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
