/** Puts to the witness what witness.ts says is to be asked, one question at a time and each in time. */
import { jitter } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { inTime } from './in-time.ts';
import type { Lease } from './lease.ts';
import type { Holding } from './lease-record.ts';
import type { Terms, WitnessTerms } from './terms.ts';
import { onGranted, onVouched, type Question, question, restAfterSilence } from './witness.ts';

/** The second witness: the coordinator (stream/witness-calls.ts). Both throw when there is no answer. */
export interface Witness {
  /** Whether the holder of this may serve on for a vouch's time. */
  vouch(holding: Holding, of: WitnessTerms, signal: AbortSignal): Promise<boolean>;
  /** Whether this is given up, and nobody is vouched for in it any more. */
  grant(holding: Holding, of: WitnessTerms, signal: AbortSignal): Promise<boolean>;
}

/** What asking takes. */
export type QuestionerPorts = {
  readonly witness: Witness;
  readonly lease: () => Lease;
  /** Told what an answer made of the lease. */
  readonly become: (lease: Lease) => void;
  readonly terms: Terms;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

/** Timers stand still while the machine sleeps; the clock does not. */
const LOOK_EVERY_MILLIS = 1_000;

/** The questioner. Runs from `start` to `stop`. */
export class Questioner {
  readonly #ports: QuestionerPorts;
  readonly #stop = new AbortController();
  #woken = new AbortController();
  #trouble: OpenCraneError | undefined;
  #running: Promise<void> | undefined;

  constructor(ports: QuestionerPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    await this.#running;
  }

  /** Why the last question was not answered, or in which words it was refused; undefined when the answer was yes. */
  get trouble(): OpenCraneError | undefined {
    return this.#trouble;
  }

  /** The lease is another: looks anew what there is to ask. */
  wake(): void {
    this.#woken.abort();
  }

  async #run(): Promise<void> {
    const { lease, terms, clock } = this.#ports;
    while (!this.#stop.signal.aborted) {
      this.#woken = new AbortController();
      const now = clock.monotonic();
      const next = question(lease(), now, terms);
      if (next.ask === 'nothing') {
        await this.#pause(Math.min(next.until - now, LOOK_EVERY_MILLIS), this.#woken.signal);
      } else {
        const restMillis = await this.#put(next);
        if (restMillis > 0) await this.#pause(restMillis);
      }
    }
  }

  /** Asks; how long to rest then. */
  async #put(asked: Exclude<Question, { ask: 'nothing' }>): Promise<number> {
    const { terms, lease, clock, random, log } = this.#ports;
    try {
      if (await this.#ask(asked)) {
        this.#trouble = undefined;
        return 0;
      }
      this.#trouble = refused(asked);
      return jitter(terms.pollMillis, 0.5, random);
    } catch (cause) {
      const trouble = toOpenCraneError(cause, 'asking the coordinator about the lease');
      if (trouble.message !== this.#trouble?.message && !this.#stop.signal.aborted) {
        log.warn({ why: trouble.message, ask: asked.ask }, 'the coordinator does not answer about the lease');
      }
      this.#trouble = trouble;
      return jitter(restAfterSilence(asked, lease(), clock.monotonic(), terms), 0.5, random);
    }
  }

  async #ask(asked: Exclude<Question, { ask: 'nothing' }>): Promise<boolean> {
    const { witness, lease, become, clock, log } = this.#ports;
    const sentAt = clock.monotonic();
    if (asked.ask === 'vouch') {
      if (!(await this.#call((signal) => witness.vouch(asked.holding, asked.of, signal)))) return false;
      become(onVouched(lease(), asked.holding, sentAt));
    } else {
      if (!(await this.#call((signal) => witness.grant(asked.holding, asked.of, signal)))) return false;
      log.info(asked.holding, 'the coordinator grants the take-over');
      become(onGranted(lease(), asked.over, clock.monotonic()));
    }
    return true;
  }

  #call(work: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    const { clock, terms } = this.#ports;
    return inTime(clock, terms.callMillis, 'the coordinator', this.#stop.signal, work);
  }

  async #pause(millis: number, woken?: AbortSignal): Promise<void> {
    const { signal } = this.#stop;
    const either = woken === undefined ? signal : AbortSignal.any([signal, woken]);
    await this.#ports.clock.sleep(millis, either).catch(() => {});
  }
}

function refused({ ask, holding }: Exclude<Question, { ask: 'nothing' }>): OpenCraneError {
  if (ask === 'vouch') {
    const what = `the coordinator does not vouch for epoch ${holding.epoch}: another machine was granted the tenant`;
    return new OpenCraneError('failed_precondition', 'vouch_refused', what, {
      mend: 'see that this machine reaches the bucket again: what counts is whose renewal comes through there',
    });
  }
  const what = `the coordinator does not grant epoch ${holding.epoch}: its holder serves on while it cannot reach the bucket`;
  return new OpenCraneError('failed_precondition', 'grant_refused', what, {
    mend: 'stop the agent there, or see that it reaches the bucket',
  });
}
