/**
 * Gives turns on the tenant's state: one at a time where two would disturb each other (conflicts.ts), each told what it waits
 * for. Who asks first is not served first: a turn is given as soon as nothing that is there is in its way. But one that was broken off
 * does not begin again before whoever it was broken off for.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { conductOf, inTheWay, type Party, type Sight, type Use } from './conflicts.ts';

/** What giving turns takes. */
export type ArbiterPorts = {
  /** What is seen now; `changed` is called when it may have changed. */
  readonly seen: () => readonly Sight[];
  readonly clock: Clock;
};

/** What is asked for. */
export type TurnRequest = {
  readonly signal: AbortSignal;
  /** Told in words what is waited for, each time that is something else. */
  readonly onWait?: (what: string) => void;
  /** How long to wait at most, in milliseconds; without it, until the signal. */
  readonly patienceMillis?: number;
};

/** A turn. Whoever has it ends it. */
export type Turn = {
  /** Fires when somebody waits who goes first: to be broken off, ended, and asked for again. */
  readonly interrupted: AbortSignal;
  end(): void;
};

type Held = { readonly use: Use; readonly sinceMillis: number; readonly interrupt: AbortController };

/** Nothing but turns is seen; for a program that has snapshots and no state. */
export const nothingSeen = (): readonly Sight[] => [];

/** Gives the turns of one tenant. */
export class StateArbiter {
  readonly #ports: ArbiterPorts;
  readonly #held = new Set<Held>();
  readonly #waiting = new Set<{ readonly use: Use }>();
  readonly #listeners = new Set<() => void>();
  #changed = Promise.withResolvers<void>();

  constructor(ports: ArbiterPorts) {
    this.#ports = ports;
  }

  /** Whether a turn would be given now. */
  may(use: Use): boolean {
    return this.#inTheWay(use).length === 0;
  }

  /** A turn, if it is given now. */
  tryTake(use: Use): Turn | undefined {
    return this.may(use) ? this.#give(use) : undefined;
  }

  /**
   * Waits for a turn. Throws `state_in_use` when it is refused, or when patience ends; `state_in_doubt` when it is not known
   * whose state is there; AbortError on the signal.
   */
  async take(use: Use, { signal, onWait = () => {}, patienceMillis }: TurnRequest): Promise<Turn> {
    const { clock } = this.#ports;
    const deadline = patienceMillis === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + patienceMillis;
    const waiter = { use };
    try {
      return await this.#wait(waiter, deadline, onWait, signal);
    } finally {
      if (this.#waiting.delete(waiter)) this.#wake();
    }
  }

  async #wait(
    waiter: { readonly use: Use },
    deadline: number,
    onWait: (what: string) => void,
    signal: AbortSignal,
  ): Promise<Turn> {
    const { use } = waiter;
    let told = '';
    for (;;) {
      signal.throwIfAborted();
      const obstacles = this.#inTheWay(use);
      const refusal = obstacles.find(({ party }) => conductOf(party, use) === 'refused');
      if (refusal) throw refused(use, refusal);
      const [first] = obstacles;
      if (first === undefined) return this.#give(use);
      this.#waiting.add(waiter);
      for (const { held, party } of obstacles)
        if (conductOf(party, use) === 'interrupts') held?.interrupt.abort(words[use]);
      const what = `waiting for ${inWords(first)} to end`;
      if (what !== told) onWait(what);
      told = what;
      const left = deadline - this.#ports.clock.monotonic();
      if (left <= 0) throw outOfPatience(use, first);
      await this.#untilChanged(left, signal);
    }
  }

  /** Throws `state_in_doubt` when it is not known whose state is there; for who takes no turn because it has the state alone. */
  assertCertain(): void {
    if (this.#ports.seen().includes('doubt')) throw inDoubt();
  }

  /** Calls back whenever a turn may be given that was not before, or the other way round; gives what ends that. */
  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  /** Does something in a turn. */
  async during<T>(use: Use, request: TurnRequest, work: () => Promise<T>): Promise<T> {
    const turn = await this.take(use, request);
    try {
      return await work();
    } finally {
      turn.end();
    }
  }

  /** What is seen may have changed: whoever is disturbed by it is broken off, and whoever waits looks anew. */
  changed(): void {
    for (const sight of this.#ports.seen())
      for (const { use, interrupt } of this.#held)
        if (conductOf(use, sight) === 'interrupts') interrupt.abort(words[sight]);
    this.#wake();
  }

  #give(use: Use): Turn {
    const held: Held = { use, sinceMillis: this.#ports.clock.now(), interrupt: new AbortController() };
    this.#held.add(held);
    this.#tell();
    return {
      interrupted: held.interrupt.signal,
      end: () => {
        if (this.#held.delete(held)) this.#wake();
      },
    };
  }

  #inTheWay(use: Use): Obstacle[] {
    const held: Obstacle[] = [...this.#held].map((each) => ({ party: each.use, held: each }));
    const first = [...this.#waiting].filter((waiter) => conductOf(use, waiter.use) === 'interrupts');
    const ahead = [...this.#ports.seen(), ...first.map((waiter) => waiter.use)].map((party) => ({
      party,
      held: undefined,
    }));
    return inTheWay([...held, ...ahead], use);
  }

  async #untilChanged(millis: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const slept = Number.isFinite(millis) ? this.#ports.clock.sleep(millis, either) : rejectedOn(either);
    await Promise.race([this.#changed.promise, slept.catch(() => {})]);
    over.abort();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Who is in the way; `held` when it has a turn. */
type Obstacle = { readonly party: Party; readonly held: Held | undefined };

/** Each as what is waited for, and what is refused. */
const words: Readonly<Record<Party, string>> = {
  restore: 'another restore of this tenant',
  exchange: 'an exchange of the state',
  start: 'the start of OpenClaw',
  starting: 'the start of OpenClaw',
  snapshot: 'a snapshot',
  prune: 'a pruning',
  remove: 'a removal of old snapshots',
  read: 'a reading of snapshots',
  upgrade: 'a change of the OpenClaw version',
  doubt: 'an exchange of the state that was cut off',
};

function inWords({ party, held }: Obstacle): string {
  return held === undefined ? words[party] : `${words[party]} (since ${timeOfDay(held.sinceMillis)})`;
}

function refused(use: Use, { party, held }: Obstacle): OpenCraneError {
  if (party === 'doubt') return inDoubt();
  const began = held === undefined ? '' : `; it began at ${timeOfDay(held.sinceMillis)}`;
  return new OpenCraneError('failed_precondition', 'state_in_use', `${words[party]} is running${began}`, {
    mend: use === 'restore' ? 'wait until it has ended, then decide which snapshot is to be live' : 'try again later',
  });
}

function inDoubt(): OpenCraneError {
  const what = 'it is not certain whose state is on this disk: an exchange of it was begun and has not ended well';
  return new OpenCraneError('failed_precondition', 'state_in_doubt', what, {
    mend: 'restart the agent: it brings the newest snapshot back, which has what was there before the exchange',
  });
}

function outOfPatience(use: Use, obstacle: Obstacle): OpenCraneError {
  const what = `${words[use]} cannot begin: ${inWords(obstacle)} has not ended`;
  return new OpenCraneError('failed_precondition', 'state_in_use', what, {
    mend: 'see in the tenant’s health and logs why that takes so long, and try again',
  });
}

function timeOfDay(millis: number): string {
  return `${new Date(millis).toISOString().slice(11, 19)} UTC`;
}

function rejectedOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
