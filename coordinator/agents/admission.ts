/**
 * How many agents may begin a stream: a bucket of tokens that refills at a steady rate. Who finds it empty is told when
 * to come again; in a storm those hints spread the agents over the time that the rate needs for all of them.
 */
import type { Clock } from '@opencrane/kit/clock.ts';

/** Bounds of the admission. */
export type AdmissionOptions = { readonly perSecond: number; readonly burst: number };

/** The answer to one agent. */
export type Admitted = { readonly admitted: true } | { readonly admitted: false; readonly retryAfterMillis: number };

/** The bucket. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #tokens: number;
  #at: number;
  /** How many were turned away and are told to come again; falls at the rate at which they can be let in. */
  #turnedAway = 0;

  constructor(options: AdmissionOptions, clock: Clock, random: () => number) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#tokens = options.burst;
    this.#at = clock.monotonic();
  }

  /** Lets one agent in, or tells when it should try again. */
  ask(): Admitted {
    this.#refill();
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return { admitted: true };
    }
    this.#turnedAway += 1;
    // Half to one and a half times the wait of its place in the line: they come spread, not in the order they left.
    const wait = (this.#turnedAway / this.#options.perSecond) * 1000;
    return { admitted: false, retryAfterMillis: Math.ceil(wait * (0.5 + this.#random())) + 100 };
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#at) / 1000) * this.#options.perSecond;
    this.#at = now;
    this.#tokens = Math.min(this.#options.burst, this.#tokens + earned);
    this.#turnedAway = Math.max(0, this.#turnedAway - earned);
  }
}
