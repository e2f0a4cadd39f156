/**
 * Watches OpenClaw's configuration file: an edit of a managed path is reported as drift, and put back.
 *
 *   file changed (or half a minute passed) ──settled──▶ compared ──drift──▶ reported ──▶ imposed again ──▶ compared
 *
 * Whoever edits the same path again and again meets longer and longer waits, not a fight at full speed.
 */
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type BackoffOptions, backoffCeiling } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { whyUnwatched } from '@opencrane/kit/unwatched.ts';
import type { Outcome } from '../appliers/applier.ts';
import type { ConfigSeen } from './config-applier.ts';

/** What the watch needs. */
export type ConfigWatchPorts = {
  /** OpenClaw's configuration file. */
  readonly file: string;
  /** ConfigApplier is one. */
  readonly config: {
    seen(): Promise<ConfigSeen | undefined>;
    impose(signal: AbortSignal): Promise<Outcome>;
  };
  /** Whether drift is to be put back now; a stopped OpenClaw gets it at its boot. */
  readonly mayImpose: () => Promise<boolean>;
  /** Tells what is in effect, and resolves when that is told; repairs wait for it, so that no drift goes by unseen. */
  readonly report: (seen: ConfigSeen) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Editors and OpenClaw write several times in a row. */
const SETTLE_MILLIS = 200;
/** For file systems that tell nothing about changes of others. */
const LOOK_EVERY_MILLIS = 30_000;
/** Where the kernel refuses to tell anything. */
const UNWATCHED_LOOK_MILLIS = 5_000;
const REPAIR_BACKOFF: BackoffOptions = { firstMillis: 1_000, maxMillis: 60_000 };
/** Drift that returns within this time is a fight. */
const PEACE_MILLIS = 120_000;

/** The loop. */
export class ConfigWatch implements Part {
  readonly name = 'config watch';
  readonly #ports: ConfigWatchPorts;
  readonly #abort = new AbortController();
  #watcher: FSWatcher | undefined;
  #unwatched = '';
  #changed = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #seen: ConfigSeen | undefined;
  #repairs = 0;
  #repairedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: ConfigWatchPorts) {
    this.#ports = ports;
  }

  /** What was last seen in effect; undefined before the first look that found a configuration. */
  get seen(): ConfigSeen | undefined {
    return this.#seen;
  }

  /** Why changes are only found by looking from time to time; empty while the kernel tells of them. */
  get unwatched(): string {
    return this.#unwatched;
  }

  start(): void {
    mkdirSync(dirname(this.#ports.file), { recursive: true, mode: 0o700 });
    this.#watch();
    this.#running = this.#run();
  }

  /** Begins to hear of changes, unless that is so. What fails is tried again before each look. */
  #watch(): void {
    if (this.#watcher !== undefined) return;
    const { file } = this.#ports;
    try {
      // The folder, not the file: a rename onto the file would end a watch of it.
      const watcher = watch(dirname(file), (_event, name) => {
        if (name === null || name === basename(file)) this.look();
      });
      watcher.on('error', (cause) => {
        watcher.close();
        this.#watcher = undefined;
        this.#lose(cause);
      });
      this.#watcher = watcher;
      this.#unwatched = '';
    } catch (cause) {
      this.#lose(cause);
    }
  }

  #lose(cause: unknown): void {
    const why = whyUnwatched(cause);
    if (why === this.#unwatched) return;
    this.#unwatched = why;
    this.#ports.log.warn({ why }, 'changes of the configuration file are not told; it is looked at from time to time');
  }

  async stop(): Promise<void> {
    this.#abort.abort('the agent stops');
    this.#watcher?.close();
    await this.#running;
  }

  /** Looks soon, as after a change of the file. */
  look(): void {
    this.#changed.resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const { clock, log } = this.#ports;
    while (!signal.aborted) {
      this.#changed = Promise.withResolvers();
      this.#watch();
      try {
        await this.#round(signal);
        await this.#changedOr(this.#unwatched === '' ? LOOK_EVERY_MILLIS : UNWATCHED_LOOK_MILLIS, signal);
        await clock.sleep(SETTLE_MILLIS, signal);
      } catch (cause) {
        if (signal.aborted) return;
        log.warn({ err: cause }, 'looking at the configuration failed');
        await this.#changedOr(LOOK_EVERY_MILLIS, signal).catch(() => {});
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { config, mayImpose, clock, log } = this.#ports;
    const seen = await this.#look();
    if (seen === undefined || seen.drift.length === 0 || !(await mayImpose())) return;
    log.warn({ drift: seen.drift }, 'managed configuration was changed behind our back; putting it back');
    if (clock.monotonic() - this.#repairedAt > PEACE_MILLIS) this.#repairs = 0;
    if (this.#repairs > 0) await clock.sleep(backoffCeiling(this.#repairs - 1, REPAIR_BACKOFF), signal);
    this.#repairs += 1;
    const outcome = await config.impose(signal);
    this.#repairedAt = clock.monotonic();
    if (outcome.state === 'failed') log.error({ outcome }, 'the managed configuration could not be put back');
    await this.#look();
  }

  async #look(): Promise<ConfigSeen | undefined> {
    const seen = await this.#ports.config.seen();
    if (seen === undefined) return undefined;
    const news = JSON.stringify(seen) !== JSON.stringify(this.#seen);
    this.#seen = seen;
    if (news) await this.#ports.report(seen);
    return seen;
  }

  async #changedOr(millis: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const slept = this.#ports.clock.sleep(millis, either).catch((cause: unknown) => {
      if (!isAbort(cause)) throw cause;
    });
    await Promise.race([this.#changed.promise, slept]);
    over.abort();
    signal.throwIfAborted();
  }
}
