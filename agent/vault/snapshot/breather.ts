/** Work in slices. Most calls to the file system are synchronous here (a third of the cost), so others get their turn between. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@opencrane/kit/clock.ts';

/** The agent's other work waits this long at most: heartbeats and the lease count in seconds. */
const SLICE_MILLIS = 5;

/** Says when a slice is over. */
export class Breather {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #since: number;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Whether it is time to `breathe`. */
  get isDue(): boolean {
    return this.#clock.monotonic() - this.#since > SLICE_MILLIS;
  }

  /** Lets the others run; throws the signal's reason when it fired. */
  async breathe(signal: AbortSignal): Promise<void> {
    await setImmediate();
    signal.throwIfAborted();
    this.#since = this.#clock.monotonic();
  }
}
