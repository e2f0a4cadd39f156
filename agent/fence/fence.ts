/**
 * Keeps the lease that makes this agent the only writer of its tenant's bucket (docs/fence.md): does what lease.ts
 * decides, tells the launcher for how long OpenClaw may run, and says when it is all over.
 */
import { jitter } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import type { HoldTime } from '../launcher/hold.ts';
import { type HoldTaker, HoldTeller } from './hold-teller.ts';
import { inTime } from './in-time.ts';
import {
  type Attempt,
  type Decision,
  deadlineOf,
  decide,
  isHeldFor,
  type Lease,
  onConflict,
  onRead,
  onReadBack,
  onRelease,
  onSent,
  onTime,
  onWritten,
  unknown,
} from './lease.ts';
import { type LeaseBucket, LeaseObject } from './lease-object.ts';
import type { Epoch, HolderId, LeaseRecord } from './lease-record.ts';
import { lossOf, notHeld } from './losses.ts';
import type { Terms } from './terms.ts';

/** Who asks for the lease. */
type Claimant = {
  /** This disk (holder.ts). */
  readonly holder: HolderId;
  /** Random id of this process. */
  readonly instance: string;
  /** Name of the machine, for people. */
  readonly host: string;
};

/** What the fence needs. */
export type FencePorts = {
  readonly bucket: LeaseBucket;
  /** The lease's object. */
  readonly name: ObjectName;
  readonly claimant: Claimant;
  readonly terms: Terms;
  /** The epoch that HEAD carries, 0 when there is no HEAD; throws when that cannot be told. */
  readonly epochOfHead: (signal: AbortSignal) => Promise<Epoch>;
  readonly launcher: HoldTaker;
  /** Makes this disk another one for the next process (holder.ts). */
  readonly forgetHolder: () => Promise<void>;
  /** Called once. This process must not write any more, and begin anew. OpenClaw ends without being told. */
  readonly onLost: (why: OpenCraneError) => void;
  /** One that goes on while the machine sleeps (launcher/boot-clock.ts). */
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

/** Timers stand still while the machine sleeps; the clock does not. */
const LOOK_EVERY_MILLIS = 1_000;

/** The fence, as a part of the agent. */
export class Fence implements Part {
  readonly name = 'fence';
  readonly #ports: FencePorts;
  readonly #object: LeaseObject;
  readonly #teller: HoldTeller;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #lease: Lease = unknown;
  #trouble: OpenCraneError | undefined;
  #renewals = 0;
  #sleeper = new AbortController();
  #running: Promise<void> | undefined;

  constructor(ports: FencePorts) {
    this.#ports = ports;
    this.#object = new LeaseObject(ports.bucket, ports.name);
    this.#teller = new HoldTeller(ports.launcher, ports.clock, ports.log);
  }

  /** Begins to take the lease, and then keeps it. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends, and leaves the lease as it is: OpenClaw serves on until its hold ends, and the next agent of this disk goes on. */
  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    await Promise.all([this.#running, this.#teller.stop()]);
  }

  /** Where the lease stands, and what keeps it from standing better. */
  get standing(): { readonly lease: Lease; readonly trouble: OpenCraneError | undefined } {
    return { lease: this.#lease, trouble: this.#trouble };
  }

  /** Hears every change of `standing` until the function it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until the lease is held; its epoch. Throws when it is lost instead, and an AbortError on the signal. */
  async whenHeld(signal: AbortSignal): Promise<Epoch> {
    await this.#until(({ state }) => state !== 'unknown' && state !== 'vacant' && state !== 'taken', signal);
    return this.epoch;
  }

  /** The epoch that is held. Throws when none is. */
  get epoch(): Epoch {
    if (this.#lease.state === 'held' && this.heldFor(0)) return this.#lease.epoch;
    throw notHeld(this.#lease, this.#object.where);
  }

  /** Whether the lease is surely held for so long from now on. */
  heldFor(millis: number): boolean {
    const { clock, terms } = this.#ports;
    return !this.#teller.isLast && isHeldFor(this.#lease, millis, clock.monotonic(), terms);
  }

  /** Throws unless the lease is surely held for so long from now on; asked before HEAD is written. */
  assertHeld(millis = 0): void {
    if (!this.heldFor(millis)) throw notHeld(this.#lease, this.#object.where);
  }

  /** For how long an OpenClaw that is started now may run. Throws when the lease is not held. */
  get hold(): HoldTime {
    this.assertHeld();
    if (this.#lease.state !== 'held') throw notHeld(this.#lease, this.#object.where);
    return holdOf(this.#lease.sentAt, this.#ports.terms);
  }

  /**
   * Hands the lease over, so that another disk need not wait. To be called when OpenClaw has been stopped and all that
   * it wrote is in the bucket; the launcher starts none any more. Throws when the launcher or the bucket cannot be told:
   * then others wait for the time-to-live.
   */
  async release(): Promise<void> {
    if (this.#lease.state !== 'held') return;
    await this.#teller.tellLast(); // while it takes, the lease is renewed
    this.#become(onRelease(this.#lease));
    this.#wake();
    const end = await this.#until(({ state }) => state !== 'held', this.#stop.signal);
    if (end.state !== 'released') throw notHeld(end, this.#object.where);
  }

  async #run(): Promise<void> {
    const { clock, claimant, terms } = this.#ports;
    while (!this.#stop.signal.aborted) {
      const now = clock.monotonic();
      this.#become(onTime(this.#lease, now, terms));
      const decision = decide(this.#lease, now, claimant.holder, terms);
      if (decision.do === 'end') break;
      if (decision.do === 'wait') await this.#sleep(Math.min(decision.until - now, LOOK_EVERY_MILLIS));
      else await this.#attempt(decision);
    }
    if (this.#lease.state === 'lost') await this.#onLost(this.#lease);
  }

  /** Does one thing with the bucket. What fails is tried again, until the lease itself is lost. */
  async #attempt(decision: Exclude<Decision, { do: 'wait' | 'end' }>): Promise<void> {
    const { terms, random, log } = this.#ports;
    try {
      await this.#carryOut(decision);
      this.#setTrouble(undefined);
    } catch (cause) {
      if (this.#stop.signal.aborted) return;
      const trouble = toOpenCraneError(cause, 'keeping the lease');
      const { state } = this.#lease;
      if (trouble.message !== this.#trouble?.message)
        log.warn({ why: trouble.message, state }, 'the lease is in doubt');
      this.#setTrouble(trouble);
      const pause = state === 'held' ? terms.retryMillis : terms.pollMillis;
      await this.#sleep(jitter(pause, 0.5, random));
    }
  }

  async #carryOut(decision: Exclude<Decision, { do: 'wait' | 'end' }>): Promise<void> {
    const { clock, claimant, terms, epochOfHead } = this.#ports;
    switch (decision.do) {
      case 'look': {
        const found = await this.#call((signal) => this.#object.read(signal));
        const floor = await this.#call(epochOfHead);
        return this.#become(onRead(this.#lease, { found, floor }, clock.monotonic(), claimant.holder, terms));
      }
      case 'read-back': {
        const found = await this.#call((signal) => this.#object.read(signal));
        return this.#become(onReadBack(this.#lease, found, clock.monotonic(), claimant.holder, terms));
      }
      case 'write': {
        const attempt = this.#newAttempt(decision.epoch, decision.released);
        this.#become(onSent(this.#lease, attempt));
        const generation = await this.#call((signal) => this.#object.write(attempt.record, decision.over, signal));
        if (generation === 'conflict') return this.#become(onConflict(this.#lease));
        return this.#become(onWritten(this.#lease, attempt, generation, clock.monotonic(), terms));
      }
    }
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, terms } = this.#ports;
    return inTime(clock, terms.callMillis, this.#object.where, this.#stop.signal, work);
  }

  #newAttempt(epoch: Epoch, released: boolean): Attempt {
    const { claimant, terms, clock } = this.#ports;
    this.#renewals += 1;
    const { ttlMillis } = terms;
    const record: LeaseRecord = { format: 1, ...claimant, epoch, renewal: this.#renewals, ttlMillis, released };
    return { record, sentAt: clock.monotonic() };
  }

  #become(lease: Lease): void {
    const before = this.#lease;
    if (lease === before) return;
    this.#lease = lease;
    const { terms, log } = this.#ports;
    if (lease.state === 'held' && !(before.state === 'held' && before.sentAt === lease.sentAt)) {
      this.#teller.tell(holdOf(lease.sentAt, terms));
    }
    if (lease.state !== before.state) log.info({ from: before.state, to: lease.state, ...whose(lease) }, 'lease');
    this.#tellListeners();
  }

  #setTrouble(trouble: OpenCraneError | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#tellListeners();
  }

  #tellListeners(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #onLost(lost: Extract<Lease, { state: 'lost' }>): Promise<void> {
    const { onLost, forgetHolder, log } = this.#ports;
    const why = lossOf(lost, this.#object.where);
    log.error({ err: why }, 'the lease is lost');
    try {
      // A lease that ran out takes OpenClaw with it, in an orderly way; here somebody may be running one already.
      if (lost.loss !== 'expired') await this.#teller.tellLast();
      if (lost.loss === 'copied') await forgetHolder();
    } catch (cause) {
      log.error({ err: cause }, 'after the loss of the lease');
    }
    onLost(why);
  }

  async #sleep(millis: number): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, this.#sleeper.signal]);
    await this.#ports.clock.sleep(millis, signal).catch(() => {}); // there is something to do
  }

  #wake(): void {
    this.#sleeper.abort();
    this.#sleeper = new AbortController();
  }

  async #until(reached: (lease: Lease) => boolean, signal: AbortSignal): Promise<Lease> {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const given = AbortSignal.any([signal, this.#stop.signal]);
    const look = () => (reached(this.#lease) ? resolve(this.#lease) : undefined);
    const giveUp = () => reject(new DOMException('waiting for the lease was given up', 'AbortError'));
    const off = this.onChange(look);
    given.addEventListener('abort', giveUp, { once: true });
    if (given.aborted) giveUp();
    look();
    try {
      return await promise;
    } finally {
      off();
      given.removeEventListener('abort', giveUp);
    }
  }
}

function holdOf(sentAt: number, terms: Terms): HoldTime {
  return { until: deadlineOf(sentAt, terms), drainMillis: terms.drainMillis };
}

/** Who has it, for the log. */
function whose(lease: Lease): object {
  if (lease.state === 'held') return { epoch: lease.epoch };
  const record = lease.state === 'taken' ? lease.seen.found?.record : undefined;
  return record === undefined ? {} : { epoch: record.epoch, host: record.host };
}
