/** A process that may be killed, and may stand still. */
import type { World } from './world.ts';

/** What agents and launchers have in common. */
export class SimulatedProcess {
  readonly world: World;
  isAlive = false;
  #life = 0;
  #begunAt = 0;
  #awakeAt = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** Begins a life, unless it is in the middle of one. */
  begin(): void {
    if (this.isAlive) return;
    this.isAlive = true;
    this.#begunAt = this.world.schedule.now;
    this.onBegin();
  }

  /** What a process does first. */
  protected onBegin(): void {}

  /** kill -9. */
  kill(): void {
    this.isAlive = false;
    this.#life += 1;
    this.#awakeAt = 0;
  }

  /** Whether it has run without a halt since a (real) time. */
  hasRunSince(time: number): boolean {
    return this.isAlive && this.#begunAt <= time && this.#awakeAt <= time;
  }

  /** SIGSTOP, and SIGCONT after a while. */
  standStill(millis: number): void {
    this.#awakeAt = Math.max(this.#awakeAt, this.world.schedule.now + millis);
  }

  /** Does what others will hear of, or begins what it was asked for; it may stand still just before and just after. */
  act(work: () => void): void {
    this.#mayHalt();
    this.event(() => {
      work();
      this.#mayHalt();
    })();
  }

  #mayHalt(): void {
    const { chance, isCalm, options, calmAt, schedule, weather } = this.world;
    if (isCalm || !chance.is(weather.halting)) return;
    this.standStill(Math.min(chance.between(0.1, 2) * options.terms.ttlMillis, calmAt - schedule.now));
  }

  /** Work of this life only, that is done when the process does not stand still. */
  event(work: () => void): () => void {
    const life = this.#life;
    const due = () => {
      if (life !== this.#life) return;
      // What has gathered meanwhile is done in any order.
      const { schedule, chance } = this.world;
      if (schedule.now < this.#awakeAt) schedule.at(this.#awakeAt + chance.between(0, 20), due);
      else work();
    };
    return due;
  }
}
