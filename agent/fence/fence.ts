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
import {
  type Decision,
  deadlineOf,
  decide,
  type Held,
  isHeldFor,
  type Lease,
  lastDeadlineOf,
  mayServe,
  onBucketFailed,
  onRelease,
  onTime,
  outageSince,
  unknown,
} from './lease.ts';
import { type Claimant, LeaseCalls } from './lease-calls.ts';
import type { LeaseBucket } from './lease-object.ts';
import type { Epoch } from './lease-record.ts';
import { lossOf, notHeld, whyNotYet } from './losses.ts';
import { Questioner, type Witness } from './questioner.ts';
import type { Terms } from './terms.ts';

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
  /** Undefined when there is no coordinator: nobody vouches, and who is vouched for is waited for the longer. */
  readonly witness: Witness | undefined;
  /** Makes this disk another one for the next process (holder.ts). */
  readonly forgetHolder: () => Promise<void>;
  /** Called once. This process must not write any more, and begin anew. OpenClaw ends without being told. */
  readonly onLost: (why: OpenCraneError) => void;
  /** One that goes on while the machine sleeps (launcher/boot-clock.ts). */
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

/** Serving on the coordinator's word, while the bucket is away. */
export type Outage = {
  /** Since the first renewal was sent that did not come through. */
  readonly lastedMillis: number;
  /** Until OpenClaw begins to end if the bucket stays away, whoever vouches. */
  readonly leftMillis: number;
};

/** Timers stand still while the machine sleeps; the clock does not. */
const LOOK_EVERY_MILLIS = 1_000;

/** The fence, as a part of the agent. */
export class Fence implements Part {
  readonly name = 'fence';
  readonly #ports: FencePorts;
  readonly #calls: LeaseCalls;
  readonly #teller: HoldTeller;
  readonly #questioner: Questioner | undefined;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #lease: Lease = unknown;
  #trouble: OpenCraneError | undefined;
  #sleeper = new AbortController();
  #running: Promise<void> | undefined;

  constructor(ports: FencePorts) {
    this.#ports = ports;
    this.#teller = new HoldTeller(ports.launcher, ports.clock, ports.log);
    const { witness } = ports;
    const around = { ...ports, lease: () => this.#lease, become: (lease: Lease) => this.#become(lease) };
    this.#questioner = witness && new Questioner({ ...around, witness });
    this.#calls = new LeaseCalls(around, this.#stop.signal);
  }

  /** Begins to take the lease, and then keeps it. */
  start(): void {
    this.#running = this.#run();
    this.#questioner?.start();
  }

  /** Ends, and leaves the lease as it is: OpenClaw serves on until its hold ends, and the next agent of this disk goes on. */
  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    await Promise.all([this.#running, this.#questioner?.stop(), this.#teller.stop()]);
  }

  /** Where the lease stands, and what keeps it from standing better. */
  get standing(): { readonly lease: Lease; readonly trouble: OpenCraneError | undefined } {
    return { lease: this.#lease, trouble: this.#trouble ?? this.#questioner?.trouble };
  }

  /** Hears every change of `standing` until the function it returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What keeps it from the lease, in words; empty when it has it or is about to. */
  get whyNotYet(): string {
    const { lease, trouble } = this.standing;
    return whyNotYet(lease, trouble, this.#ports.terms);
  }

  /** Waits until the lease is held; its epoch. Throws when it is lost instead, and an AbortError on the signal. */
  async whenHeld(signal: AbortSignal): Promise<Epoch> {
    await this.#until(({ state }) => state !== 'unknown' && state !== 'vacant' && state !== 'taken', signal);
    return this.epoch;
  }

  /** The epoch that is held. Throws when none is. */
  get epoch(): Epoch {
    if (this.#lease.state === 'held' && this.heldFor(0)) return this.#lease.epoch;
    throw notHeld(this.#lease, this.#calls.where);
  }

  /** Whether the lease is surely held for so long from now on. */
  heldFor(millis: number): boolean {
    const { clock, terms } = this.#ports;
    return !this.#teller.isLast && isHeldFor(this.#lease, millis, clock.monotonic(), terms);
  }

  /** Undefined while the bucket answers, or nothing was asked of it. */
  get outage(): Outage | undefined {
    const { clock, terms } = this.#ports;
    const lease = this.#lease;
    const now = clock.monotonic();
    const since = outageSince(lease, now, terms);
    if (lease.state !== 'held' || since === undefined || !this.#mayServe) return undefined;
    return { lastedMillis: now - since, leftMillis: lastDeadlineOf(lease.sentAt, terms) - terms.drainMillis - now };
  }

  /** Throws unless the lease is surely held for so long from now on; asked before HEAD is written. */
  assertHeld(millis = 0): void {
    if (!this.heldFor(millis)) throw notHeld(this.#lease, this.#calls.where);
  }

  /** For how long an OpenClaw that is started now may run, perhaps on the coordinator's word. Throws when the lease is not held. */
  get hold(): HoldTime {
    if (this.#lease.state === 'held' && this.#mayServe) return holdOf(this.#lease, this.#ports.terms);
    throw notHeld(this.#lease, this.#calls.where);
  }

  /** The bucket failed somebody else: a lease at rest is renewed now, so that it is known whether the bucket is away. */
  doubtBucket(): void {
    if (this.#lease.state !== 'held' || this.#lease.restless) return;
    this.#become(onBucketFailed(this.#lease));
    this.#wake();
  }

  get #mayServe(): boolean {
    const { clock, terms } = this.#ports;
    return !this.#teller.isLast && mayServe(this.#lease, clock.monotonic(), terms);
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
    if (end.state !== 'released') throw notHeld(end, this.#calls.where);
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
      await this.#calls.carryOut(decision);
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

  #become(lease: Lease): void {
    const before = this.#lease;
    if (lease === before) return;
    this.#lease = lease;
    const { terms, log } = this.#ports;
    if (lease.state === 'held') {
      const hold = holdOf(lease, terms);
      if (before.state !== 'held' || hold.until !== deadlineOf(before, terms)) this.#teller.tell(hold);
      if (before.state === 'held' && isFirstVouchOfOutage(before, lease)) {
        log.warn(
          { why: this.#trouble?.message },
          'the coordinator vouches for the tenant while the bucket does not answer',
        );
      }
    }
    if (lease.state !== before.state) log.info({ from: before.state, to: lease.state, ...whose(lease) }, 'lease');
    this.#questioner?.wake();
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
    const { loss } = lost;
    const why = lossOf(lost, this.#calls.where);
    log.error({ err: why }, 'the lease is lost');
    try {
      // A lease that ran out takes OpenClaw with it, in an orderly way; here somebody may be running one already.
      if (loss !== 'expired') await this.#teller.tellLast();
      if (loss === 'copied') await forgetHolder();
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

function holdOf(held: Held, terms: Terms): HoldTime {
  return { until: deadlineOf(held, terms), drainMillis: terms.drainMillis };
}

/** Whether this is the first vouch since a renewal that has no answer was sent. */
function isFirstVouchOfOutage(before: Held, { attempts, vouchedAt }: Held): boolean {
  const [first] = attempts;
  return first !== undefined && (vouchedAt ?? 0) >= first.sentAt && (before.vouchedAt ?? 0) < first.sentAt;
}

/** Who has it, for the log. */
function whose(lease: Lease): object {
  if (lease.state === 'held') return { epoch: lease.epoch };
  const record = lease.state === 'taken' ? lease.seen.found?.record : undefined;
  return record === undefined ? {} : { epoch: record.epoch, host: record.host };
}
