/** The coordinator of the simulation, as a witness. It remembers what it stored, and until it is restarted whom it vouched for. */
import type { Holding } from '../lease-record.ts';
import type { Schedule } from './schedule.ts';

/** What may be taken away from it. */
export type CoordinatorOptions = {
  /** Whether its grants outlive its process. */
  readonly grantsLast: boolean;
  /** Whether it vouches for nobody against whom it gave a grant. */
  readonly grantsCount: boolean;
};

/** The coordinator. */
export class SimulatedCoordinator {
  readonly #schedule: Schedule;
  readonly #options: CoordinatorOptions;
  awayUntil = 0;
  /** Stored: nobody is vouched for in this holding or an earlier one. */
  #givenUp: Holding | undefined;
  /** Not stored. */
  #vouched: (Holding & { readonly until: number }) | undefined;

  constructor(schedule: Schedule, options: CoordinatorOptions) {
    this.#schedule = schedule;
    this.#options = options;
  }

  /** Comes back after a while with what it has stored. */
  restart(awayMillis: number): void {
    this.awayUntil = this.#schedule.now + awayMillis;
    this.#vouched = undefined;
    if (!this.#options.grantsLast) this.#givenUp = undefined;
  }

  vouch(holding: Holding, vouchMillis: number): boolean {
    if (this.#options.grantsCount && this.#givenUp !== undefined && !isLater(holding, this.#givenUp)) return false;
    if (this.#vouched !== undefined && isLater(this.#vouched, holding)) return false;
    this.#vouched = { ...holding, until: this.#schedule.now + vouchMillis * 0.75 };
    return true;
  }

  grant(holding: Holding): boolean {
    const vouched = this.#vouched;
    if (vouched !== undefined && vouched.epoch >= holding.epoch && this.#schedule.now < vouched.until) return false;
    if (this.#givenUp === undefined || isLater(holding, this.#givenUp)) this.#givenUp = holding;
    return true;
  }
}

function isLater(one: Holding, other: Holding): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.serial > other.serial);
}
