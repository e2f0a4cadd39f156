/** Work that is done one piece after the other, in the order in which it came. */

/** Is told of every piece, before the next begins. Must not throw: the queue would stand still. */
export type TaskListener = {
  done(): void;
  /** `done` follows. */
  failed(cause: unknown): void;
};

/** A queue of work. A piece that fails holds up none of those behind it. */
export class TaskQueue {
  readonly #listener: TaskListener;
  /** The first is being done. */
  readonly #tasks: (() => Promise<void>)[] = [];
  /** The loop runs; it also takes what tasks and listener add. */
  #running = false;
  #work = Promise.resolve();

  constructor(listener: TaskListener) {
    this.#listener = listener;
  }

  /** Pieces that wait or are being done. */
  get length(): number {
    return this.#tasks.length;
  }

  add(task: () => Promise<void>): void {
    this.#tasks.push(task);
    if (!this.#running) this.#work = this.#run();
  }

  /** Resolves when everything is done; never rejects. */
  idle(): Promise<void> {
    return this.#work;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      try {
        await task();
      } catch (cause) {
        this.#listener.failed(cause);
      }
      this.#tasks.shift();
      this.#listener.done();
    }
    this.#running = false;
  }
}
