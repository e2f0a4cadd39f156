/** Work that goes on in the background, at most so much at a time. The first failure is told to whoever asks for room. */
export class UnderWay {
  readonly #most: number;
  readonly #works = new Set<Promise<void>>();
  #failure: { readonly cause: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes work that has begun. */
  add(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((cause: unknown) => {
        this.#failure ??= { cause };
      })
      .finally(() => this.#works.delete(tracked));
    this.#works.add(tracked);
  }

  /** Waits until there is room for one more; throws what went wrong in any. */
  async room(): Promise<void> {
    await this.#until(this.#most - 1);
  }

  /** Waits until nothing is under way; throws what went wrong in any. */
  async end(): Promise<void> {
    await this.#until(0);
  }

  /** Waits until nothing is under way, whatever went wrong. */
  async settle(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }

  async #until(most: number): Promise<void> {
    while (this.#works.size > most && !this.#failure) await Promise.race(this.#works);
    if (this.#failure) throw this.#failure.cause;
  }
}
