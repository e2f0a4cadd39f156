/** Waking one reader of something that changes: any number of changes while it works wake it once. */

/** A bell that stays rung until it is heard. */
export class Wakeup {
  #rung = false;
  #hear: (() => void) | undefined;

  /** Rings. */
  wake(): void {
    this.#rung = true;
    this.#hear?.();
  }

  /** Resolves at the next ring, or at once when one was missed; also when the signal fires. For one reader at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const hear = () => resolve();
      this.#hear = hear;
      signal.addEventListener('abort', hear);
      await promise;
      signal.removeEventListener('abort', hear);
      this.#hear = undefined;
    }
    this.#rung = false;
  }
}
