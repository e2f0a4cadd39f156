/** Many small changes as few transactions: what arrives while one is being committed shares the next. */
import type { Change, Store } from './store.ts';

type Waiting = { readonly run: (change: Change) => Promise<void>; readonly reject: (cause: unknown) => void };

/** Changes that share one transaction at most; bounds what a failure makes run again. */
const MOST = 256;

/**
 * Groups changes that do not depend on each other. One that fails does not take the others with it: the group is
 * taken back and each of its changes tried alone.
 */
export class GroupCommit {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves once the change is committed. */
  commit<T>(work: (change: Change) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (change: Change) => {
        const result = await work(change);
        change.afterCommit(() => resolve(result));
      };
      this.#waiting.push({ run, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    await Promise.resolve(); // lets what the same moment brings join
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST);
      if (!(await this.#together(group))) for (const one of group) await this.#alone(one);
    }
    this.#flushing = undefined;
  }

  async #together(group: readonly Waiting[]): Promise<boolean> {
    try {
      await this.#store.transaction(async (change) => {
        for (const { run } of group) await run(change);
      });
      return true;
    } catch {
      return false; // each is tried alone and then says itself what is wrong
    }
  }

  async #alone({ run, reject }: Waiting): Promise<void> {
    try {
      await this.#store.transaction(run);
    } catch (cause) {
      reject(cause);
    }
  }
}
