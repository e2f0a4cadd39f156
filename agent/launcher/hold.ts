/**
 * For how long OpenClaw may run, as the agent said last: the launcher's dead man's switch (docs/fence.md).
 *
 *   held ──`drainMillis` before its end──▶ ending: OpenClaw is told to end ──its end──▶ over: it is killed
 *
 * A later hold that comes in time begins anew. What has begun to end, ends.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** Until a moment, with the last `drainMillis` before it for ending. Whose clock it is on, the user says. */
export type HoldTime = { readonly until: number; readonly drainMillis: number };

/** A hold on the launcher's clock, and what that showed when it was made: requests may come in another order. */
export type Hold = HoldTime & { readonly asOf: number };

/** Phases in which OpenClaw has to end. */
export type EndPhase = 'ending' | 'over';

/** Timers stand still while the machine sleeps; the launcher's clock does not. */
const LOOK_EVERY_MILLIS = 500;

/** The phase of a hold at a moment. */
export function holdPhase({ until, drainMillis }: HoldTime, now: number): 'held' | EndPhase {
  if (now >= until) return 'over';
  return now >= until - drainMillis ? 'ending' : 'held';
}

/** Which of two holds counts: the one made later, and of two made at one moment the one that ends first. */
export function newerHold(one: Hold, other: Hold): Hold {
  if (one.asOf !== other.asOf) return one.asOf > other.asOf ? one : other;
  return one.until <= other.until ? one : other;
}

/** Throws `failed_precondition` when OpenClaw would have to end as soon as it began. */
export function requireHeld(hold: Hold | undefined, now: number): void {
  if (hold === undefined || holdPhase(hold, now) === 'held') return;
  throw new OpenCraneError('failed_precondition', 'hold_over', 'starting OpenClaw: its hold has ended', {
    mend: 'renew the lease on the tenant, then start it with a new hold',
  });
}

/** Watches the newest hold and tells when it is ending, and when it is over. */
export class HoldWatch {
  readonly #clock: Clock;
  readonly #onEnd: (phase: EndPhase, leftMillis: number) => void;
  #hold: Hold | undefined;
  #told: 'held' | EndPhase = 'held';
  #round = new AbortController();

  constructor(clock: Clock, onEnd: (phase: EndPhase, leftMillis: number) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** The newest; undefined when OpenClaw may run until it is stopped. */
  get hold(): Hold | undefined {
    return this.#hold;
  }

  /** The phase now; what has no hold is held for ever. */
  get phase(): 'held' | EndPhase {
    return this.#hold === undefined ? 'held' : holdPhase(this.#hold, this.#clock.monotonic());
  }

  /**
   * Watches this one from now on, unless it is an older one. What is over by now, this one or the one before, is told of
   * before this returns: who slept past the end of one must not find it replaced by another on waking.
   */
  set(hold: Hold): void {
    if (this.#hold !== undefined && newerHold(this.#hold, hold) === this.#hold) return;
    this.#look();
    this.clear();
    this.#hold = hold;
    void this.#watch(hold, this.#round.signal);
  }

  /** Watches none. */
  clear(): void {
    this.#round.abort();
    this.#round = new AbortController();
    this.#hold = undefined;
    this.#told = 'held';
  }

  async #watch(hold: Hold, signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#look();
      if (signal.aborted || this.#told === 'over') return;
      const next = this.#told === 'held' ? hold.until - hold.drainMillis : hold.until;
      const waitMillis = Math.min(next - this.#clock.monotonic(), LOOK_EVERY_MILLIS);
      await this.#clock.sleep(Math.max(0, waitMillis), signal).catch(() => {}); // a newer one came
      if (signal.aborted) return;
    }
  }

  #look(): void {
    const { phase } = this;
    if (phase === this.#told || phase === 'held' || this.#hold === undefined) return;
    this.#told = phase;
    this.#onEnd(phase, Math.max(0, this.#hold.until - this.#clock.monotonic()));
  }
}
