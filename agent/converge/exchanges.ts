/** Exchanges of the state that were ordered: work to be done while OpenClaw is stopped, one after the other. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** What an exchange came to. */
export type Exchanged = { readonly downtimeMillis: number };

type Ordered = {
  readonly work: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly resolve: (exchanged: Exchanged) => void;
  readonly reject: (why: unknown) => void;
};

/** Those that are still to be done. */
export class Exchanges {
  #ordered: Ordered[] = [];

  get any(): boolean {
    return this.#ordered.length > 0;
  }

  /** Resolves when it was done and OpenClaw is ready again; rejects with what it threw. */
  order(work: () => Promise<void>, signal: AbortSignal): Promise<Exchanged> {
    const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
    this.#ordered.push({ work, signal, resolve, reject });
    return promise;
  }

  /** Does the first with what stops OpenClaw around it. Its failure is its caller's, and no failure of the loop. */
  async doFirst(around: (work: () => Promise<void>) => Promise<Exchanged>): Promise<void> {
    const first = this.#ordered.shift();
    if (first === undefined) return;
    try {
      first.signal.throwIfAborted(); // nobody wants it any more, and OpenClaw need not be stopped for it
      first.resolve(await around(first.work));
    } catch (cause) {
      first.reject(cause);
    }
  }

  /** The agent stops: nothing of them is begun any more. */
  fail(): void {
    const why = new OpenCraneError('unavailable', 'agent_stopping', 'the agent stops', {
      mend: 'try again in a moment',
    });
    for (const { reject } of this.#ordered.splice(0)) reject(why);
  }
}
