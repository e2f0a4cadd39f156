/**
 * Prunes the vault by itself, some minutes after the agent starts and then every hour. Nothing waits for it: a bucket that is
 * away, or a state that is being exchanged, is the next turn's.
 */
import { jitter } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Pruned } from '../prune/prune.ts';

/** What the loop needs. */
export type PruneLoopPorts = {
  /** Prunes once. */
  readonly prune: (signal: AbortSignal) => Promise<Pruned>;
  /** False while the state, or the version that runs on it, is being exchanged: then it is not settled what must stay. */
  readonly mayPrune: () => boolean;
  /** Told when `trouble` may have changed. */
  readonly onTrouble: () => void;
  readonly clock: Pick<Clock, 'sleep'>;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
};

const MINUTE = 60_000;
/** A tenant that starts has more urgent things to ask of its bucket, and a fleet starts all at once. */
const FIRST_MILLIS = 10 * MINUTE;
/** The finest that a retention tells apart is an hour. */
const EVERY_MILLIS = 60 * MINUTE;
/** An exchange of the state or an upgrade takes minutes. */
const BUSY_MILLIS = MINUTE;
/** How far moments are moved, as a share. */
const SPREAD = 0.5;
/** So many failures one after the other are told: the bucket grows without end then. */
const FAILURES_TO_TELL = 3;

/** The loop. */
export class PruneLoop implements Part {
  readonly name = 'pruning';
  readonly #ports: PruneLoopPorts;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #failures = 0;
  #lastFailure: OpenCraneError | undefined;

  constructor(ports: PruneLoopPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    await this.#running;
  }

  /** Why pruning fails, when it does again and again; empty otherwise. */
  get trouble(): string {
    return this.#failures < FAILURES_TO_TELL ? '' : (this.#lastFailure?.message ?? '');
  }

  async #run(): Promise<void> {
    await this.#rest(FIRST_MILLIS);
    while (!this.#stop.signal.aborted) {
      const may = this.#ports.mayPrune();
      if (may) await this.#prune();
      await this.#rest(may ? EVERY_MILLIS : BUSY_MILLIS);
    }
  }

  async #prune(): Promise<void> {
    const { prune, onTrouble, log } = this.#ports;
    const { signal } = this.#stop;
    try {
      const { unreadable, ...counts } = await prune(signal);
      log.info({ ...counts, unreadable: unreadable.length }, 'the vault was pruned');
      this.#failures = 0;
    } catch (cause) {
      if (signal.aborted) return;
      log.warn({ err: cause }, 'pruning the vault failed; the next turn comes in an hour');
      this.#lastFailure = toOpenCraneError(cause, 'pruning the vault');
      // A bucket that is away is told by how old the newest snapshot is.
      if (this.#lastFailure.code !== 'unavailable') this.#failures += 1;
    }
    onTrouble();
  }

  async #rest(millis: number): Promise<void> {
    const { clock, random } = this.#ports;
    await clock.sleep(jitter(millis, SPREAD, random), this.#stop.signal).catch(() => {}); // stopped meanwhile
  }
}
