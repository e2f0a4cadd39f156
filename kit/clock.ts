/** Time as something passed in, so that tests own it. */

/** A source of time. All values are milliseconds. */
export interface Clock {
  /** Wall-clock time since the epoch, for records that people read. */
  now(): number;
  /** Monotonic time, for durations and deadlines. */
  monotonic(): number;
  /** Waits; rejects with an AbortError when the signal fires first. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(millis, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, millis);
      const onAbort = () => {
        clearTimeout(timer);
        reject(abortError(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

/** A clock that stands still until it is told to advance. Sleepers wake in the order of their deadlines. */
export class ManualClock implements Clock {
  #time: number;
  #sleepers: { readonly deadline: number; readonly wake: () => void }[] = [];

  constructor(startMillis = 0) {
    this.#time = startMillis;
  }

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  sleep(millis: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      const sleeper = { deadline: this.#time + millis, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(abortError(signal));
      });
    });
  }

  /** How many sleepers wait; a test awaits this before it advances. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves time on and wakes who is due. */
  advance(millis: number): void {
    this.#time += millis;
    const due = this.#sleepers
      .filter((sleeper) => sleeper.deadline <= this.#time)
      .sort((a, b) => a.deadline - b.deadline);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.deadline > this.#time);
    for (const sleeper of due) sleeper.wake();
  }
}

function abortError(signal: AbortSignal | undefined): Error {
  return new DOMException(String(signal?.reason ?? 'aborted'), 'AbortError');
}
