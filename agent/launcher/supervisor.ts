/** Carries out the launcher's state machine (state.ts): one OpenClaw, one effect under way, every end fed back. */
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import { type EndPhase, type Hold, HoldWatch, requireHeld } from './hold.ts';
import type { ProcessEnd, RunningProcess, StartOrder } from './openclaw-process.ts';
import type { StartRecord } from './start-record.ts';
import { canStart, type LauncherEffect, type LauncherEvent, step } from './state.ts';
import { type LastExit, nothingYet, type Supervised } from './supervised.ts';

const BACKOFF = { firstMillis: 500, maxMillis: 30_000 };

/** What the supervisor can do; the edges are elsewhere. */
export interface SupervisorPorts {
  /** Holds are moments on it. */
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Resolves when nobody holds the tenant's state; `recorded` is the process that held it last. */
  waitForFreeState(recorded: StartRecord['process'], signal: AbortSignal): Promise<void>;
  /** Starts it; with `until` it runs no longer, even when we stand still. */
  spawn(order: StartOrder, until: number | undefined): Promise<RunningProcess>;
  /** Tells a process from another that has its number later; undefined when it is gone. */
  identify(pid: number): string | undefined;
  askHandOver(order: StartOrder, pid: number, signal: AbortSignal): Promise<boolean>;
  mend(order: StartOrder, signal: AbortSignal): Promise<{ readonly ok: boolean; readonly words: string }>;
  /** Ends the process; it is gone when this resolves. */
  drain(order: StartOrder, process: RunningProcess, budgetMillis: number, hurry: AbortSignal): Promise<void>;
  /** Ends the process and what it started, at once. */
  kill(pid: number): void;
  saveRecord(record: StartRecord): Promise<void>;
  /** Whether a failure is the machine's: its disk is full, by these words or as it is now. */
  lacks(words: string): boolean;
}

/** The parent of at most one OpenClaw. */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #listeners = new Set<(now: Supervised) => void>();
  #now: Supervised;
  #recorded: StartRecord['process'];
  #process: RunningProcess | undefined;
  #underWay = new AbortController();
  #budgetMillis = 0;
  readonly #hurry = new AbortController();
  readonly #watch: HoldWatch;
  /** Fires when the hold is ending: no drain waits for turns any more. */
  #holdEnds = new AbortController();
  #held = false;
  #closed = false;
  #notSpawned: OpenCraneError | undefined;

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
    this.#now = nothingYet(ports.clock.now());
    this.#watch = new HoldWatch(ports.clock, (phase, leftMillis) => this.#onHoldEnds(phase, leftMillis));
  }

  get now(): Supervised {
    return this.#now;
  }

  /** The clock that holds are on. */
  get clockMillis(): number {
    return this.#ports.clock.monotonic();
  }

  /** Hears every change until the function it returns is called. */
  onChange(listener: (now: Supervised) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Goes on with what a launcher before this one was told to run, unless it was told to stop, or had a hold: that is over. */
  resume({ wanted, process, held, ...order }: StartRecord): void {
    this.#recorded = process;
    this.#held = held === true;
    this.#change({ order });
    if (wanted === 'running' && !this.#held) this.#dispatch({ event: 'resume' });
  }

  /** Starts OpenClaw, with a hold for no longer than that; resolves with its process id, throws why there is none. */
  async start(order: StartOrder, hold?: Hold): Promise<number> {
    if (hold !== undefined) this.#watch.set(hold);
    this.#requireStartable(hold);
    await this.#ports.saveRecord(this.#record('running', order, hold !== undefined));
    this.#requireStartable(hold); // two may have asked meanwhile
    if (hold === undefined) this.#watch.clear();
    this.#held = hold !== undefined;
    this.#holdEnds = new AbortController();
    this.#change({ order });
    this.#dispatch({ event: 'start' });
    const { state } = await this.#until((now) => now.state.state !== 'starting');
    if (state.state === 'running') return state.pid;
    if (this.#notSpawned !== undefined && state.state !== 'stopping') throw this.#notSpawned;
    throw new OpenCraneError('aborted', 'start_superseded', 'starting OpenClaw: it was stopped again meanwhile');
  }

  /** Drains and stops, and stays stopped; resolves when nothing runs, with how the process ended when there was one. */
  async stop(budgetMillis: number): Promise<LastExit | undefined> {
    const ran = this.#process?.pid;
    const { order } = this.#now;
    this.#budgetMillis = budgetMillis;
    if (order !== undefined) await this.#save(this.#record('stopped', order, this.#held));
    this.#dispatch({ event: 'stop' });
    const { lastExit } = await this.#until((now) => now.state.state === 'idle');
    return lastExit?.pid === ran ? lastExit : undefined;
  }

  /** Lets what runs run on until then. One that is over ends it at once; a new one starts nothing. */
  async hold(hold: Hold): Promise<void> {
    this.#watch.set(hold);
    if (this.#watch.hold === hold) this.#process?.hold(hold.until);
    const { order, state } = this.#now;
    if (this.#held || order === undefined || state.state === 'idle' || state.state === 'stopping') return;
    this.#held = true; // it was started without one
    await this.#save(this.#record('running', order, true));
  }

  /** Stops, and starts nothing any more. When `hurry` fires what runs is interrupted. */
  async close(budgetMillis: number, hurry: AbortSignal): Promise<void> {
    this.#closed = true;
    if (hurry.aborted) this.#hurry.abort();
    hurry.addEventListener('abort', () => this.#hurry.abort(), { once: true });
    await this.stop(budgetMillis);
  }

  #dispatch(event: LauncherEvent): void {
    const { state, effect } = step(this.#now.state, event);
    this.#ports.log.debug({ event: event.event, from: this.#now.state.state, to: state.state }, 'step');
    if (state !== this.#now.state) this.#change({ state, sinceAt: this.#ports.clock.now() });
    if (effect?.effect === 'cancel') this.#underWay.abort('stopped');
    else if (effect !== undefined) void this.#carryOut(effect);
  }

  /** Does one thing and feeds its end back; what it throws is an end too. */
  async #carryOut(effect: Exclude<LauncherEffect, { effect: 'cancel' }>): Promise<void> {
    const { order } = this.#now;
    if (order === undefined) return; // no effect comes before an order
    this.#underWay = new AbortController();
    const { signal } = this.#underWay;
    switch (effect.effect) {
      case 'spawn':
        return this.#dispatch(await orCancelled(signal, this.#spawn(order, signal)));
      case 'ask':
        return this.#dispatch(await orCancelled(signal, this.#ask(order, signal)));
      case 'mend':
        return this.#dispatch(await orCancelled(signal, this.#mend(order, signal)));
      case 'wait':
        return this.#dispatch(await orCancelled(signal, this.#wait(effect.attempt, signal)));
      case 'drain':
        return this.#drain(order);
    }
  }

  async #drain(order: StartOrder): Promise<void> {
    if (this.#process === undefined) return;
    if (this.#watch.phase === 'over') this.#ports.kill(this.#process.pid);
    const hurry = AbortSignal.any([this.#hurry.signal, this.#holdEnds.signal]);
    await this.#ports.drain(order, this.#process, this.#budgetMillis, hurry);
  }

  #onHoldEnds(phase: EndPhase, leftMillis: number): void {
    if (this.#now.state.state === 'idle') return;
    this.#ports.log.warn({ phase, leftMillis: Math.round(leftMillis) }, 'the hold on OpenClaw was not extended');
    this.#budgetMillis = leftMillis;
    this.#holdEnds.abort();
    this.#dispatch({ event: 'hold-expired' });
    if (phase === 'over' && this.#process !== undefined) this.#ports.kill(this.#process.pid);
  }

  async #spawn(order: StartOrder, signal: AbortSignal): Promise<LauncherEvent> {
    this.#notSpawned = undefined;
    try {
      await this.#ports.waitForFreeState(this.#recorded, signal);
      signal.throwIfAborted();
      requireHeld(this.#watch.hold, this.clockMillis);
      const process = await this.#ports.spawn(order, this.#watch.hold?.until);
      this.#process = process;
      if (this.#watch.hold !== undefined) process.hold(this.#watch.hold.until); // it may have been extended meanwhile
      const identity = this.#ports.identify(process.pid);
      this.#recorded = identity === undefined ? undefined : { pid: process.pid, identity };
      await this.#save(this.#record('running', order, this.#held));
      this.#change({ starts: this.#now.starts + 1 });
      // Not before `spawned`, which is dispatched when this has returned: a process may end at once.
      setImmediate(() => void process.ended.then((end) => this.#onEnded(process.pid, end)));
      return { event: 'spawned', pid: process.pid, at: this.#ports.clock.monotonic() };
    } catch (cause) {
      if (isAbort(cause) && signal.aborted) throw cause;
      this.#notSpawned = toOpenCraneError(cause, 'starting OpenClaw');
      this.#ports.log.error({ err: this.#notSpawned }, 'OpenClaw was not started');
      const words = this.#notSpawned.message;
      this.#change({ lastExit: { pid: 0, code: -1, signal: '', lastWords: words, restartRequested: false } });
      return { event: 'not-spawned', lacks: isLackOfTheMachine(cause) || this.#ports.lacks(words) };
    }
  }

  #onEnded(pid: number, end: ProcessEnd): void {
    this.#ports.log.info({ pid, code: end.code, signal: end.signal }, 'OpenClaw ended');
    this.#process = undefined;
    this.#change({ lastExit: { ...end, pid, restartRequested: false } });
    const lacks = end.code !== 0 && this.#ports.lacks(end.lastWords);
    this.#dispatch({ event: 'exited', code: end.code, at: this.#ports.clock.monotonic(), lacks });
  }

  async #ask(order: StartOrder, signal: AbortSignal): Promise<LauncherEvent> {
    const { lastExit } = this.#now;
    try {
      const handedOver = lastExit !== undefined && (await this.#ports.askHandOver(order, lastExit.pid, signal));
      if (lastExit !== undefined) this.#change({ lastExit: { ...lastExit, restartRequested: handedOver } });
      return { event: 'asked', handedOver };
    } catch (cause) {
      if (isAbort(cause)) throw cause;
      this.#ports.log.warn({ why: messageOf(cause) }, 'OpenClaw does not say whether it wants to be started again');
      return { event: 'asked', handedOver: false };
    }
  }

  async #mend(order: StartOrder, signal: AbortSignal): Promise<LauncherEvent> {
    try {
      const { ok, words } = await this.#ports.mend(order, signal);
      this.#ports.log.info({ ok, words: words.slice(-2_000) }, 'ran doctor');
      return { event: 'mended', ok, lacks: !ok && this.#ports.lacks(words) };
    } catch (cause) {
      if (isAbort(cause)) throw cause;
      this.#ports.log.warn({ why: messageOf(cause) }, 'doctor did not run');
      return { event: 'mended', ok: false, lacks: isLackOfTheMachine(cause) };
    }
  }

  async #wait(attempt: number, signal: AbortSignal): Promise<LauncherEvent> {
    const { clock, random } = this.#ports;
    const rest = backoffMillis(attempt, BACKOFF, random);
    this.#change({ nextTryAt: clock.now() + rest });
    try {
      await clock.sleep(rest, signal);
      return { event: 'waited' };
    } finally {
      this.#change({ nextTryAt: undefined });
    }
  }

  #change(change: Partial<Supervised>): void {
    this.#now = { ...this.#now, ...change };
    for (const listener of [...this.#listeners]) listener(this.#now);
  }

  /** Saves what may fail without harm: the guard ends a process that no record names. */
  async #save(record: StartRecord): Promise<void> {
    try {
      await this.#ports.saveRecord(record);
    } catch (cause) {
      this.#ports.log.error({ err: cause }, 'the record of what runs was not saved');
    }
  }

  #record(wanted: StartRecord['wanted'], order: StartOrder, held: boolean): StartRecord {
    const process = this.#recorded;
    return { wanted, ...order, ...(held && { held }), ...(process && { process }) };
  }

  #requireStartable(hold: Hold | undefined): void {
    // A start that was held up until its own hold had ended is not for the holder of today.
    if (hold !== undefined) for (const each of [hold, this.#watch.hold]) requireHeld(each, this.clockMillis);
    const { state } = this.#now;
    if (this.#closed) {
      throw new OpenCraneError('unavailable', 'launcher_ends', 'starting OpenClaw: the launcher is about to end');
    }
    if (canStart(state)) return;
    throw new OpenCraneError(
      'failed_precondition',
      'openclaw_runs',
      `starting OpenClaw: the launcher is ${state.state} already`,
      { mend: 'stop it first' },
    );
  }

  #until(reached: (now: Supervised) => boolean): Promise<Supervised> {
    if (reached(this.#now)) return Promise.resolve(this.#now);
    const { promise, resolve } = Promise.withResolvers<Supervised>();
    const off = this.onChange((now) => {
      if (!reached(now)) return;
      off();
      resolve(now);
    });
    return promise;
  }
}

/** An effect's end; an AbortError because of our own signal is one too. */
async function orCancelled(signal: AbortSignal, end: Promise<LauncherEvent>): Promise<LauncherEvent> {
  try {
    return await end;
  } catch (cause) {
    if (isAbort(cause) || signal.aborted) return { event: 'cancelled' };
    throw cause;
  }
}
