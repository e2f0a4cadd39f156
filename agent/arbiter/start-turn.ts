/** The turn of whoever starts OpenClaw: taken before the start, and ended when it has come to an end, wherever that is seen. */
import type { StateArbiter, Turn } from './state-arbiter.ts';

/** The turn. There is one OpenClaw, so there is one of these. */
export class StartTurn {
  readonly #arbiter: Pick<StateArbiter, 'take'>;
  readonly #patienceMillis: number;
  #turn: Turn | undefined;

  /** `patienceMillis`: how long a start waits for an exchange or a snapshot to end. */
  constructor(arbiter: Pick<StateArbiter, 'take'>, patienceMillis: number) {
    this.#arbiter = arbiter;
    this.#patienceMillis = patienceMillis;
  }

  /** Takes it, unless it is held already. Throws `state_in_doubt`, and `state_in_use` when patience ends. */
  async take(): Promise<void> {
    if (this.#turn !== undefined) return;
    const { signal } = new AbortController();
    this.#turn = await this.#arbiter.take('start', { signal, patienceMillis: this.#patienceMillis });
  }

  end(): void {
    this.#turn?.end();
    this.#turn = undefined;
  }
}
