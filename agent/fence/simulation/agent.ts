/** An agent of the simulation: it does what fence.ts does with the decisions of the real lease.ts. */
import type { HoldTime } from '../../launcher/hold.ts';
import {
  type Attempt,
  type Decision,
  deadlineOf,
  decide,
  type Held,
  isHeldFor,
  type Lease,
  lastDeadlineOf,
  mayServe,
  onConflict,
  onRead,
  onReadBack,
  onRelease,
  onSent,
  onTime,
  onWritten,
  unknown,
} from '../lease.ts';
import type { Holding, LeaseRecord } from '../lease-record.ts';
import { Asking } from './asking.ts';
import { Broken } from './broken.ts';
import type { Machine } from './machine.ts';
import { SimulatedProcess } from './process.ts';
import { type Holder, Serving } from './serving.ts';
import type { Way } from './way.ts';

/** The agent of a machine. */
export class Agent extends SimulatedProcess implements Holder {
  readonly #machine: Machine;
  #lease: Lease = unknown;
  #serving: Serving | undefined;
  #lives = 0;
  #renewals = 0;
  /** Nothing is told to the launcher any more. */
  #isLast = false;
  #asking: Asking;
  /** When it heard that it holds the lease. */
  #heldAt = 0;
  /** When its OpenClaw would have been dead, whoever vouched, before the last renewal came through. */
  #lastBefore = 0;
  /** When a request about the lease had no answer, last; in real time. */
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(machine: Machine) {
    super(machine.world);
    this.#machine = machine;
    this.#asking = new Asking(this, machine);
  }

  protected override onBegin(): void {
    this.#lease = unknown;
    this.#serving = undefined;
    this.#lives += 1;
    this.#renewals = 0;
    this.#isLast = false;
    this.#asking = new Asking(this, this.#machine);
    this.#step();
  }

  get holds(): boolean {
    return this.isAlive && this.#lease.state === 'held';
  }

  get isHeld(): boolean {
    return !this.#isLast && isHeldFor(this.#lease, 0, this.#machine.clock, this.world.options.terms);
  }

  get mayServe(): boolean {
    return !this.#isLast && mayServe(this.#lease, this.#machine.clock, this.world.options.terms);
  }

  get hold(): HoldTime {
    const { terms } = this.world.options;
    const until = this.#lease.state === 'held' ? deadlineOf(this.#lease, terms) : 0;
    return { until, drainMillis: terms.drainMillis };
  }

  /**
   * The fence ends OpenClaw because a hold ends then. Breaks a promise when nothing was wrong since that hold was made but
   * one of the two witnesses: agent and launcher ran, and the bucket answered always, or the coordinator at the second try.
   */
  mayEnd(how: string, endsAt: number): void {
    const lease = this.#lease;
    if (lease.state !== 'held' || lease.releasing || this.#isLast) return;
    const { clock, launcher } = this.#machine;
    const { terms } = this.world.options;
    const last = lastDeadlineOf(lease.sentAt, terms);
    if (clock >= last - terms.drainMillis || endsAt === this.#lastBefore) return; // the bucket was away for too long
    const madeAt = Math.max(lease.sentAt, lease.vouchedAt ?? lease.sentAt);
    const since = this.#machine.realTime(Math.min(madeAt, endsAt - terms.deadlineMillis));
    if (this.#heldAt > since + this.#machine.realMillis(terms.renewMillis)) return; // its claim's answer was late
    if (!this.hasRunSince(since) || !launcher.hasRunSince(since)) return;
    if (this.#asking.unvouchedAt < since)
      throw new Broken(`an OpenClaw ends ${how} though the coordinator vouches for it`);
    if (this.#unansweredAt < since) throw new Broken(`an OpenClaw ends ${how} though the bucket answers it`);
  }

  /** Stops OpenClaw, hands the lease over, and begins again after a while. */
  drain(awayMillis: number): void {
    if (!this.holds || this.#serving === undefined) return;
    this.#serving.drain(() =>
      this.#tellLast(() => {
        this.become(onRelease(this.#lease));
        this.#step();
      }),
    );
    this.world.schedule.after(
      awayMillis,
      this.event(() => this.restart(0)),
    );
  }

  get lease(): Lease {
    return this.#lease;
  }

  call<T>(work: () => T, answered: (answer: T | 'failed') => void): void {
    this.send(this.#machine.toBucket, work, answered);
  }

  send<T>(way: Way, work: () => T, answered: (answer: T | 'failed') => void): void {
    const { options, schedule, chance } = this.world;
    const timeout = this.#machine.realMillis(options.terms.callMillis);
    const timesOutAt = schedule.now + timeout;
    let answer: T | 'failed' = 'failed';
    const due = this.event(() => {
      // After a standstill both are there: the answer, and the alarm that it does not come.
      const isLate = schedule.now > timesOutAt + 1 && chance.is(0.5);
      answered(isLate ? 'failed' : answer);
    });
    this.act(() =>
      way.request(timeout, work, (value) => {
        answer = value;
        due();
      }),
    );
  }

  ask(work: () => void): void {
    this.act(() => this.#machine.launcher.ask(work));
  }

  later(localMillis: number, work: () => void): void {
    this.world.schedule.after(Math.max(0, this.#machine.realMillis(localMillis)) + 0.1, this.event(work));
  }

  restart(afterMillis: number): void {
    this.kill();
    this.world.schedule.after(afterMillis, () => this.begin());
  }

  #step(): void {
    const { terms } = this.world.options;
    this.become(onTime(this.#lease, this.#machine.clock, terms));
    const decision = decide(this.#lease, this.#machine.clock, this.#machine.disk.holder, terms);
    if (decision.do === 'wait') this.later(decision.until - this.#machine.clock, () => this.#step());
    else if (decision.do !== 'end') this.#carryOut(decision);
  }

  #carryOut(decision: Exclude<Decision, { do: 'wait' | 'end' }>): void {
    const { bucket, options } = this.world;
    const { holder } = this.#machine.disk;
    const { terms } = options;
    if (decision.do === 'look') {
      this.#request(
        () => ({
          found: bucket.lease && { ...bucket.lease, record: this.#seen(bucket.lease.record) },
          floor: bucket.floor,
        }),
        (seen) => onRead(this.#lease, seen, this.#machine.clock, holder, terms),
      );
    } else if (decision.do === 'read-back') {
      this.#request(
        () => ({ found: bucket.lease }),
        ({ found }) => onReadBack(this.#lease, found, this.#machine.clock, holder, terms),
      );
    } else {
      const attempt = this.#newAttempt(decision, decision.released);
      this.become(onSent(this.#lease, attempt));
      this.#request(
        () => bucket.writeLease(attempt.record, decision.over),
        (answer) => {
          if (answer === 'conflict') return onConflict(this.#lease);
          return onWritten(this.#lease, attempt, answer, this.#machine.clock, terms);
        },
      );
    }
  }

  /** What a watcher makes of a record. */
  #seen(record: LeaseRecord): LeaseRecord {
    const { watcherAsks, watcherWaits } = this.world.options;
    const { witness, ...rest } = record;
    if (witness === undefined || !watcherAsks) return rest;
    return watcherWaits ? record : { ...rest, witness: { ...witness, vouchMillis: 0 } };
  }

  #newAttempt({ epoch, serial }: Holding, released: boolean): Attempt {
    this.#renewals += 1;
    const { holder } = this.#machine.disk;
    const { ttlMillis, witness } = this.world.options.terms;
    const writing = { instance: `${holder} ${this.#lives}`, renewal: this.#renewals, serial };
    return {
      record: { format: 1, epoch, holder, host: '', ...writing, ttlMillis, released, witness },
      sentAt: this.#machine.clock,
    };
  }

  /** One call to the bucket about the lease, and then the next step; a pause first when it failed. */
  #request<T>(work: () => T, next: (answer: T) => Lease): void {
    const { terms } = this.world.options;
    this.call(work, (answer) => {
      if (answer === 'failed') this.#unansweredAt = this.world.schedule.now;
      if (answer !== 'failed') {
        this.become(next(answer));
        this.#step();
        return;
      }
      const pause = this.#lease.state === 'held' ? terms.retryMillis : terms.pollMillis;
      this.later(pause * this.world.chance.between(0.5, 1.5), () => this.#step());
    });
  }

  become(lease: Lease): void {
    const before = this.#lease;
    if (before.state === 'held' && lease.state === 'lost' && lease.loss === 'expired') {
      this.mayEnd('with its lease', deadlineOf(before, this.world.options.terms));
    }
    this.#lease = lease;
    if (lease !== before) this.#asking.look();
    if (lease.state === 'held') {
      if (before.state === 'held' && before.sentAt === lease.sentAt && before.vouchedAt === lease.vouchedAt) return;
      this.#tellHold();
      if (before.state === 'held') {
        this.#onRenewed(before, lease);
        return;
      }
      this.#heldAt = this.world.schedule.now;
      const serving = new Serving(this, this.#machine, lease.epoch);
      this.#serving = serving;
      this.later(1, () => serving.begin());
    } else if (lease.state === 'lost' && before.state !== 'lost') {
      if (lease.loss !== 'expired') this.#tellLast(() => {});
      // What was under way goes on until the process has ended.
      this.later(this.world.chance.between(0, 1_000), () => this.restart(this.world.chance.between(500, 1_500)));
    }
  }

  #onRenewed(before: Held, { sentAt }: Held): void {
    if (before.sentAt === sentAt) return;
    const { openclaw, clock } = this.#machine;
    const { terms } = this.world.options;
    this.#lastBefore = lastDeadlineOf(before.sentAt, terms);
    if (openclaw !== undefined && clock >= before.sentAt + terms.deadlineMillis) this.world.outlived += 1;
  }

  #tellHold(): void {
    if (this.#isLast) return;
    const { launcher, clock } = this.#machine;
    const hold = { ...this.hold, asOf: clock };
    this.ask(() => launcher.extend(hold));
  }

  #tellLast(done: () => void): void {
    this.#isLast = true;
    const { launcher, clock } = this.#machine;
    const answered = this.event(done);
    this.ask(() => {
      launcher.extend({ until: clock, drainMillis: 0, asOf: clock });
      answered();
    });
  }
}
