/** The unreliable way from one machine to the bucket or to the coordinator. */
import type { Chance, Schedule } from './schedule.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Where a way leads. */
export interface Place {
  /** Until when it answers nobody. */
  readonly awayUntil: number;
}

/** What may befall a request. */
export type Faults = {
  /** How late it or its answer may be now; 0 when none is lost, late or doubled. */
  readonly worstDelay: () => number;
  /** How often it is one of these. */
  readonly unsure: number;
};

/** A way. */
export class Way {
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #faults: Faults;
  readonly #place: Place;
  /** Until when it leads nowhere. */
  cutUntil = 0;

  constructor(schedule: Schedule, chance: Chance, faults: Faults, place: Place) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#faults = faults;
    this.#place = place;
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
      if (!this.#leads()) {
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
    const { worstDelay, unsure } = this.#faults;
    const late = chance.next() * chance.next() * worstDelay();
    if (late === 0 || !chance.is(unsure)) return usual;
    const fates = [
      { ...usual, there: NEVER },
      { ...usual, back: NEVER },
      { ...usual, there: late },
      { ...usual, back: late },
      { there: usual.there, back: late, again: chance.next() * late }, // the second one may be answered first
    ];
    return fates[Math.floor(chance.next() * fates.length)] ?? usual;
  }

  #leads(): boolean {
    return this.#schedule.now >= Math.max(this.cutUntil, this.#place.awayUntil);
  }
}
