/** A limited number of places; who finds none free waits in line. */

/** The places. */
export class Slots {
  #free: number;
  #line: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Does the work in a place. Leaves the line, with an AbortError, when the signal fires first. */
  async hold<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(new DOMException(String(signal.reason), 'AbortError'));
      if (signal.aborted) return abort();
      if (this.#free > 0) {
        this.#free -= 1;
        return resolve();
      }
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#line = this.#line.filter((other) => other !== enter);
        abort();
      };
      this.#line.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the place to the next in line, so that nobody overtakes. */
  #release(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
