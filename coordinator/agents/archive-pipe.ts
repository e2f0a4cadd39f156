/**
 * A pipe that holds one piece. Writer and reader wait for each other: a piece counts as taken when its reader asks for
 * the next one. A web TransformStream would do, but one cannot be aborted while its reader stands still.
 */

type Offered = { readonly piece: Uint8Array | undefined; readonly taken: PromiseWithResolvers<void> };

/** The pipe. It has one writer, which does one thing after the other, and one reader. */
export class ArchivePipe {
  readonly #broken = new AbortController();
  #offered: Offered | undefined;
  #offering = Promise.withResolvers<void>();
  #whole = false;

  /** Fires, with the reason, when the pipe is broken. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Resolves when the reader has taken it; rejects with why the pipe is broken. */
  put(piece: Uint8Array): Promise<void> {
    return this.#offer(piece);
  }

  /** There are no more pieces. Resolves when the reader knows it; rejects with why the pipe is broken. */
  end(): Promise<void> {
    return this.#offer(undefined);
  }

  /** Ends it for both sides. The first reason counts; a pipe whose reader knows its end is not harmed. */
  break(why: unknown): void {
    if (this.#whole || this.#broken.signal.aborted) return;
    this.#broken.abort(why);
    this.#offered?.taken.reject(why);
    this.#offering.resolve();
  }

  /** The pieces in order; throws why the pipe is broken. */
  async *pieces(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      await this.#offering.promise;
      this.#broken.signal.throwIfAborted();
      if (this.#offered === undefined) continue;
      const { piece, taken } = this.#offered;
      this.#offering = Promise.withResolvers();
      this.#whole = piece === undefined;
      if (piece !== undefined) yield piece;
      this.#offered = undefined;
      taken.resolve();
      if (piece === undefined) return;
    }
  }

  #offer(piece: Uint8Array | undefined): Promise<void> {
    if (this.#broken.signal.aborted) return Promise.reject(this.#broken.signal.reason);
    const taken = Promise.withResolvers<void>();
    this.#offered = { piece, taken };
    this.#offering.resolve();
    return taken.promise;
  }
}
