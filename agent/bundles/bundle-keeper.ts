/**
 * Keeps the bucket's bundles in step with what the tenant serves: the one that serves and the one before it are there,
 * older ones go. Nothing waits for it; what fails is tried again.
 */
import { backoffCeiling } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Digest } from '@opencrane/kit/digest.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { BundleShelf, ShelvedBundle } from './bundle-shelf.ts';

/** What keeping takes. */
export type BundleKeeperPorts = {
  readonly shelf: Pick<BundleShelf, 'put' | 'keepOnly'>;
  /** What serves; undefined before the first start, and while an upgrade is under way. */
  readonly settled: () => ShelvedBundle | undefined;
  /** What served before it, as far as is known: the way back. */
  readonly before: () => Promise<readonly Digest[]>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
};

const LOOK_MILLIS = 10_000;
const RETRY = { firstMillis: 5_000, maxMillis: 300_000 };

/** The loop. */
export class BundleKeeper implements Part {
  readonly name = 'bundles in the bucket';
  readonly #ports: BundleKeeperPorts;
  readonly #stop = new AbortController();
  #kept: Digest | undefined;
  #running: Promise<void> | undefined;

  constructor(ports: BundleKeeperPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, log, settled } = this.#ports;
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const serving = settled();
      try {
        if (serving !== undefined && serving.bundleDigest !== this.#kept) await this.#keep(serving, signal);
        failures = 0;
      } catch (cause) {
        if (signal.aborted) return;
        log.warn({ err: cause }, 'the bucket lacks the bundle that serves; it is tried again');
        failures += 1;
      }
      const rest = failures === 0 ? LOOK_MILLIS : backoffCeiling(failures - 1, RETRY) * (0.5 + random() / 2);
      await clock.sleep(rest, signal).catch(() => {}); // stopped meanwhile
    }
  }

  async #keep(serving: ShelvedBundle, signal: AbortSignal): Promise<void> {
    const { shelf, before } = this.#ports;
    await shelf.put(serving, signal);
    await shelf.keepOnly([serving.bundleDigest, ...(await before())], signal);
    this.#kept = serving.bundleDigest;
  }
}
