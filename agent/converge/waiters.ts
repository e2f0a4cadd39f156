/** Those who ordered something and wait until it is so. */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';

type Waiter = { readonly resolve: () => void; readonly reject: (why: OpenCraneError) => void };

/** Who waits for one kind of order. */
export class Waiters {
  #waiting: Waiter[] = [];

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves, or throws, when those who wait are told. */
  wait(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, reject });
    return promise;
  }

  /** Those who wait now, to be told later; who comes after them waits for another time. */
  take(): Waiters {
    const taken = new Waiters();
    taken.#waiting = this.#waiting.splice(0);
    return taken;
  }

  /** It is so. */
  settle(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
  }

  /** It cannot be done. */
  fail(why: OpenCraneError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(why);
  }
}
