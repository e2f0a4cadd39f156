/**
 * How a program starts and stops: parts start in order and stop in the reverse order.
 * The one place that listens to signals.
 *
 *   starting ──all started──▶ running ──signal or stop()──▶ stopping ──all stopped──▶ stopped
 *       └─────── a part failed to start ───────────────────────┘
 */
import { systemCode } from './errors.ts';
import type { Logger } from './logging.ts';

/** Something that is started once and stopped once. */
export interface Part {
  readonly name: string;
  start?(): Promise<void> | void;
  /** Ends it and awaits its end. `hurry` fires when the caller will wait no longer. */
  stop?(hurry: AbortSignal): Promise<void> | void;
}

/** The parts of one program. */
export class Lifecycle {
  readonly #log: Logger;
  readonly #started: Part[] = [];
  readonly #hurry = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Starts a part now; it will be stopped before those that were started earlier. */
  async start(part: Part): Promise<void> {
    this.#started.push(part);
    await part.start?.();
    this.#log.debug({ part: part.name }, 'started');
  }

  /** Stops everything in the reverse order, once. An error in one part does not keep the others from stopping. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  /** Tells parts that are stopping to give up waiting. */
  hurry(): void {
    this.#hurry.abort();
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.#started.toReversed()) {
      try {
        await part.stop?.(this.#hurry.signal);
        this.#log.debug({ part: part.name }, 'stopped');
      } catch (cause) {
        failures.push(cause);
        this.#log.error({ err: cause, part: part.name }, 'failed to stop');
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts failed to stop');
  }
}

/** What ended a program. */
export type Ending = { readonly signal: NodeJS.Signals } | { readonly failure: unknown };

/**
 * Runs until a signal comes or `failed` rejects, then stops the lifecycle. A second signal hurries the stop.
 * Resolves with what ended it once everything has stopped.
 */
export async function runUntilSignal(lifecycle: Lifecycle, failed: Promise<never>): Promise<Ending> {
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];
  const { promise, resolve } = Promise.withResolvers<Ending>();
  let count = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    count += 1;
    if (count > 1) lifecycle.hurry();
    resolve({ signal });
  };
  for (const signal of signals) process.on(signal, onSignal);
  failed.catch((failure: unknown) => resolve({ failure }));
  const ending = await promise;
  try {
    await lifecycle.stop();
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
  return ending;
}

/** Whether a process exists. A zombie counts as existing until its parent has waited for it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return systemCode(cause) === 'EPERM';
  }
}
