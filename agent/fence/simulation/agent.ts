/** An agent of the simulation: it does what fence.ts does with the decisions of the real lease.ts. */
import type { HoldTime } from '../../launcher/hold.ts';
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
} from '../lease.ts';
import type { Epoch } from '../lease-record.ts';
import type { Machine } from './machine.ts';
import { SimulatedProcess } from './process.ts';
import { type Holder, Serving } from './serving.ts';

/** The agent of a machine. */
export class Agent extends SimulatedProcess implements Holder {
  readonly #machine: Machine;
  #lease: Lease = unknown;
  #serving: Serving | undefined;
  #lives = 0;
  #renewals = 0;
  /** Nothing is told to the launcher any more. */
  #isLast = false;

  constructor(machine: Machine) {
    super(machine.world);
    this.#machine = machine;
  }

  protected override onBegin(): void {
    this.#lease = unknown;
    this.#serving = undefined;
    this.#lives += 1;
    this.#renewals = 0;
    this.#isLast = false;
    this.#step();
  }

  get holds(): boolean {
    return this.isAlive && this.#lease.state === 'held';
  }

  get isHeld(): boolean {
    return !this.#isLast && isHeldFor(this.#lease, 0, this.#machine.clock, this.world.options.terms);
  }

  get hold(): HoldTime {
    const { terms } = this.world.options;
    const until = this.#lease.state === 'held' ? deadlineOf(this.#lease.sentAt, terms) : 0;
    return { until, drainMillis: terms.drainMillis };
  }

  /** Stops OpenClaw, hands the lease over, and begins again after a while. */
  drain(awayMillis: number): void {
    if (!this.holds || this.#serving === undefined) return;
    this.#serving.drain(() =>
      this.#tellLast(() => {
        this.#become(onRelease(this.#lease));
        this.#step();
      }),
    );
    this.world.schedule.after(
      awayMillis,
      this.event(() => this.restart(0)),
    );
  }

  call<T>(work: () => T, answered: (answer: T | 'failed') => void): void {
    const { bucket, options, schedule, chance } = this.world;
    const timeout = this.#machine.realMillis(options.terms.callMillis);
    const timesOutAt = schedule.now + timeout;
    let answer: T | 'failed' = 'failed';
    const due = this.event(() => {
      // After a standstill both are there: the answer, and the alarm that it does not come.
      const isLate = schedule.now > timesOutAt + 1 && chance.is(0.5);
      answered(isLate ? 'failed' : answer);
    });
    this.act(() =>
      bucket.request(timeout, work, (value) => {
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
    this.#become(onTime(this.#lease, this.#machine.clock, terms));
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
        () => ({ found: bucket.lease, floor: bucket.floor }),
        (seen) => onRead(this.#lease, seen, this.#machine.clock, holder, terms),
      );
    } else if (decision.do === 'read-back') {
      this.#request(
        () => ({ found: bucket.lease }),
        ({ found }) => onReadBack(this.#lease, found, this.#machine.clock, holder, terms),
      );
    } else {
      const attempt = this.#newAttempt(decision.epoch, decision.released);
      this.#become(onSent(this.#lease, attempt));
      this.#request(
        () => bucket.writeLease(attempt.record, decision.over),
        (answer) => {
          if (answer === 'conflict') return onConflict(this.#lease);
          return onWritten(this.#lease, attempt, answer, this.#machine.clock, terms);
        },
      );
    }
  }

  #newAttempt(epoch: Epoch, released: boolean): Attempt {
    this.#renewals += 1;
    const { holder } = this.#machine.disk;
    const { ttlMillis } = this.world.options.terms;
    const writing = { instance: `${holder} ${this.#lives}`, renewal: this.#renewals };
    return {
      record: { format: 1, epoch, holder, host: '', ...writing, ttlMillis, released },
      sentAt: this.#machine.clock,
    };
  }

  /** One call to the bucket about the lease, and then the next step; a pause first when it failed. */
  #request<T>(work: () => T, next: (answer: T) => Lease): void {
    const { terms } = this.world.options;
    this.call(work, (answer) => {
      if (answer !== 'failed') {
        this.#become(next(answer));
        this.#step();
        return;
      }
      const pause = this.#lease.state === 'held' ? terms.retryMillis : terms.pollMillis;
      this.later(pause * this.world.chance.between(0.5, 1.5), () => this.#step());
    });
  }

  #become(lease: Lease): void {
    const before = this.#lease;
    this.#lease = lease;
    if (lease.state === 'held') {
      if (before.state === 'held' && before.sentAt === lease.sentAt) return;
      this.#tellHold();
      if (before.state === 'held') return;
      const serving = new Serving(this, this.#machine, lease.epoch);
      this.#serving = serving;
      this.later(1, () => serving.begin());
    } else if (lease.state === 'lost' && before.state !== 'lost') {
      if (lease.loss !== 'expired') this.#tellLast(() => {});
      // What was under way goes on until the process has ended.
      this.later(this.world.chance.between(0, 1_000), () => this.restart(this.world.chance.between(500, 1_500)));
    }
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
