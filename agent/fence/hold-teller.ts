/** Tells the launcher the newest hold, again until it has heard it; of older ones it need not hear. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { HoldTime } from '../launcher/hold.ts';

/** Takes a hold (launcher/client.ts). Its moment is on the caller's clock. */
export interface HoldTaker {
  hold(hold: HoldTime): Promise<void>;
}

/** A launcher that was restarted is back in about a second. */
const RETRY_MILLIS = 500;

/** The teller. */
export class HoldTeller {
  readonly #launcher: HoldTaker;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #untold: HoldTime | undefined;
  #isLast = false;
  #telling: Promise<void> | undefined;

  constructor(launcher: HoldTaker, clock: Clock, log: Logger) {
    this.#launcher = launcher;
    this.#clock = clock;
    this.#log = log;
  }

  /** Returns at once. */
  tell(hold: HoldTime): void {
    if (this.#isLast) return;
    this.#untold = hold;
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
  }

  /** Whether the last has been told. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /**
   * Lets OpenClaw run no longer: the launcher has heard that, after everything else it was told, when this resolves.
   * Throws when it does not hear it. Nothing is told afterwards in either case.
   */
  async tellLast(): Promise<void> {
    this.#isLast = true;
    this.#untold = undefined;
    await this.#telling; // what is on its way must not count as made later
    await this.#launcher.hold({ until: this.#clock.monotonic(), drainMillis: 0 });
  }

  /** Tells nothing any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    while (this.#untold !== undefined && !this.#stop.signal.aborted) {
      const hold = this.#untold;
      try {
        await this.#launcher.hold(hold);
        if (this.#untold === hold) this.#untold = undefined;
      } catch (cause) {
        this.#log.warn({ why: messageOf(cause) }, 'the launcher was not told for how long OpenClaw may run');
        await this.#clock.sleep(RETRY_MILLIS, this.#stop.signal).catch(() => {});
      }
    }
  }
}
