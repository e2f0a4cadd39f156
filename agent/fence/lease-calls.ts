/** Does with the bucket what lease.ts decides, one call after the other and each in time. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import { inTime } from './in-time.ts';
import { type Attempt, type Decision, type Lease, onConflict, onRead, onReadBack, onSent, onWritten } from './lease.ts';
import { type LeaseBucket, LeaseObject } from './lease-object.ts';
import type { Epoch, HolderId, Holding, LeaseRecord } from './lease-record.ts';
import type { Terms } from './terms.ts';

/** Who asks for the lease. */
export type Claimant = {
  /** This disk (holder.ts). */
  readonly holder: HolderId;
  /** Random id of this process. */
  readonly instance: string;
  /** Name of the machine, for people. */
  readonly host: string;
};

/** What the calls need. */
export type LeaseCallsPorts = {
  readonly bucket: LeaseBucket;
  readonly name: ObjectName;
  readonly claimant: Claimant;
  readonly terms: Terms;
  readonly epochOfHead: (signal: AbortSignal) => Promise<Epoch>;
  readonly witness: object | undefined;
  readonly lease: () => Lease;
  /** Told what was sent, and what the answer made of the lease. */
  readonly become: (lease: Lease) => void;
  readonly clock: Clock;
};

/** The calls of one process. */
export class LeaseCalls {
  readonly #ports: LeaseCallsPorts;
  readonly #object: LeaseObject;
  readonly #stop: AbortSignal;
  #renewals = 0;

  constructor(ports: LeaseCallsPorts, stop: AbortSignal) {
    this.#ports = ports;
    this.#object = new LeaseObject(ports.bucket, ports.name);
    this.#stop = stop;
  }

  /** Where the lease is, for people. */
  get where(): string {
    return this.#object.where;
  }

  /** Does it; throws when there is no answer. */
  async carryOut(decision: Exclude<Decision, { do: 'wait' | 'end' }>): Promise<void> {
    const { clock, claimant, terms, epochOfHead, lease, become } = this.#ports;
    switch (decision.do) {
      case 'look': {
        const found = await this.#call((signal) => this.#object.read(signal));
        const floor = await this.#call(epochOfHead);
        return become(onRead(lease(), { found, floor }, clock.monotonic(), claimant.holder, terms));
      }
      case 'read-back': {
        const found = await this.#call((signal) => this.#object.read(signal));
        return become(onReadBack(lease(), found, clock.monotonic(), claimant.holder, terms));
      }
      case 'write': {
        const attempt = this.#newAttempt(decision, decision.released);
        become(onSent(lease(), attempt));
        const generation = await this.#call((signal) => this.#object.write(attempt.record, decision.over, signal));
        if (generation === 'conflict') return become(onConflict(lease()));
        return become(onWritten(lease(), attempt, generation, clock.monotonic(), terms));
      }
    }
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, terms } = this.#ports;
    return inTime(clock, terms.callMillis, this.#object.where, this.#stop, work);
  }

  #newAttempt({ epoch, serial }: Holding, released: boolean): Attempt {
    const { claimant, terms, clock } = this.#ports;
    this.#renewals += 1;
    const { ttlMillis } = terms;
    const writing = { epoch, renewal: this.#renewals, serial, ttlMillis, released };
    const vouched = this.#ports.witness && terms.witness ? { witness: terms.witness } : {};
    const record: LeaseRecord = { format: 1, ...claimant, ...writing, ...vouched };
    return { record, sentAt: clock.monotonic() };
  }
}
