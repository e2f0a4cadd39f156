/** What an agent of the simulation asks the coordinator: what questioner.ts asks, by the real witness.ts. */
import type { Lease } from '../lease.ts';
import { onGranted, onVouched, type Question, question, restAfterSilence } from '../witness.ts';
import type { Machine } from './machine.ts';
import type { Way } from './way.ts';

/** The agent, as far as asking needs it. */
export interface Asker {
  readonly lease: Lease;
  become(lease: Lease): void;
  /** One request, in time. */
  send<T>(way: Way, work: () => T, answered: (answer: T | 'failed') => void): void;
  later(localMillis: number, work: () => void): void;
}

/** The asking of one life of an agent. */
export class Asking {
  readonly #asker: Asker;
  readonly #machine: Machine;
  #isUnderWay = false;
  #failures = 0;
  /** When a vouch was refused, or did not come twice in a row, last; in real time. */
  unvouchedAt = Number.NEGATIVE_INFINITY;

  constructor(asker: Asker, machine: Machine) {
    this.#asker = asker;
    this.#machine = machine;
  }

  /** Asks what there is to ask, now or when it is time. */
  look(): void {
    if (this.#isUnderWay) return;
    const { clock, world } = this.#machine;
    const next = question(this.#asker.lease, clock, world.options.terms);
    if (next.ask !== 'nothing') this.#put(next);
    else if (next.until < Number.POSITIVE_INFINITY) this.#asker.later(next.until - clock, () => this.look());
  }

  #put(asked: Exclude<Question, { ask: 'nothing' }>): void {
    const { coordinator } = this.#machine.world;
    const sentAt = this.#machine.clock;
    this.#isUnderWay = true;
    const work = () =>
      asked.ask === 'vouch' ? coordinator.vouch(asked.holding, asked.of.vouchMillis) : coordinator.grant(asked.holding);
    this.#asker.send(this.#machine.toCoordinator, work, (answer) => {
      this.#note(answer);
      if (answer === true) this.#onYes(asked, sentAt);
      this.#asker.later(answer === true ? 0 : this.#pause(asked, answer), () => {
        this.#isUnderWay = false;
        this.look();
      });
    });
  }

  #note(answer: boolean | 'failed'): void {
    this.#failures = answer === 'failed' ? this.#failures + 1 : 0;
    if (answer === false || this.#failures > 1) this.unvouchedAt = this.#machine.world.schedule.now;
  }

  #onYes(asked: Exclude<Question, { ask: 'nothing' }>, sentAt: number): void {
    const { clock, world } = this.#machine;
    const { lease } = this.#asker;
    if (asked.ask === 'grant') this.#asker.become(onGranted(lease, asked.over, clock));
    else this.#asker.become(onVouched(lease, asked.holding, world.options.vouchCountsFromAsking ? sentAt : clock));
  }

  #pause(asked: Question, answer: false | 'failed'): number {
    const { options, chance } = this.#machine.world;
    const { terms } = options;
    const silence = restAfterSilence(asked, this.#asker.lease, this.#machine.clock, terms);
    return (answer === 'failed' ? silence : terms.pollMillis) * chance.between(0.5, 1.5);
  }
}
