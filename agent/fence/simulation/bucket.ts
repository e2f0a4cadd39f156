/** The bucket of the simulation, and the unreliable way to it. */
import type { Generation } from '../../bucket/bucket.ts';
import type { Found } from '../lease.ts';
import { type Epoch, epochOf, type LeaseRecord } from '../lease-record.ts';
import { Broken } from './broken.ts';
import type { Chance, Schedule } from './schedule.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** What HEAD says. */
export type Head = { readonly epoch: Epoch; readonly generation: Generation };

/** Objects with generations. */
export class SimulatedBucket {
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #worstDelay: () => number;
  lease: Found | undefined;
  head: Head | undefined;
  /** Until when it answers nobody. */
  awayUntil = 0;
  #writes = 0;
  readonly #holders = new Map<Epoch, string>();

  /** `worstDelay` is how late a request or an answer may be now; 0 when none is lost, late or doubled. */
  constructor(schedule: Schedule, chance: Chance, worstDelay: () => number) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#worstDelay = worstDelay;
  }

  get floor(): Epoch {
    return this.head?.epoch ?? epochOf(0);
  }

  writeLease(record: LeaseRecord, over: Generation | undefined): Generation | 'conflict' {
    if (this.lease?.generation !== over) return 'conflict';
    const holder = this.#holders.get(record.epoch) ?? record.holder;
    if (holder !== record.holder) throw new Broken(`epoch ${record.epoch} has two holders`);
    this.#holders.set(record.epoch, holder);
    const generation = this.#newGeneration();
    this.lease = { record, generation };
    return generation;
  }

  moveHead(epoch: Epoch, over: Generation | undefined): Generation | 'conflict' {
    if (this.head?.generation !== over) return 'conflict';
    if (epoch < this.floor) throw new Broken(`HEAD's epoch went back from ${this.floor} to ${epoch}`);
    const generation = this.#newGeneration();
    this.head = { epoch, generation };
    return generation;
  }

  /**
   * Sends a request. What is lost, late or doubled is so by chance; `answered` is called once at most, and with `failed`
   * when there is no answer in time.
   */
  request<T>(timeoutMillis: number, work: () => T, answered: (answer: T | 'failed') => void): void {
    const schedule = this.#schedule;
    const chance = this.#chance;
    const timesOutAt = schedule.now + timeoutMillis;
    let isOpen = true;
    const answer = (value: T | 'failed') => {
      if (isOpen) answered(value);
      isOpen = false;
    };
    const arrives = (back: number) => () => {
      if (schedule.now < this.awayUntil) {
        return schedule.at(chance.is(0.5) ? schedule.now + 20 : timesOutAt, () => answer('failed'));
      }
      const value = work();
      if (schedule.now + back < timesOutAt) schedule.after(back, () => answer(value));
    };
    const { there, back, again } = this.#way();
    if (there !== NEVER) schedule.after(there, arrives(back));
    if (again !== NEVER) schedule.after(again, arrives(chance.between(2, 60)));
    if (schedule.now + there + back >= timesOutAt) schedule.at(timesOutAt, () => answer('failed'));
  }

  /** How long a request takes to arrive, its answer to come back, and the same request to arrive a second time. */
  #way(): { readonly there: number; readonly back: number; readonly again: number } {
    const chance = this.#chance;
    const usual = { there: chance.between(2, 60), back: chance.between(2, 60), again: NEVER };
    const late = chance.next() * chance.next() * this.#worstDelay();
    if (late === 0 || chance.is(0.75)) return usual;
    const fates = [
      { ...usual, there: NEVER },
      { ...usual, back: NEVER },
      { ...usual, there: late },
      { ...usual, back: late },
      { there: usual.there, back: late, again: chance.next() * late }, // the second one may be answered first
    ];
    return fates[Math.floor(chance.next() * fates.length)] ?? usual;
  }

  #newGeneration(): Generation {
    this.#writes += 1;
    return String(this.#writes) as Generation; // the one place that brands
  }
}
