/** What everything in the simulation shares: time, chance, the bucket, and the promises that are checked. */
import { type HolderId, holderIdOf } from '../lease-record.ts';
import type { Terms } from '../terms.ts';
import { Broken } from './broken.ts';
import { SimulatedBucket } from './bucket.ts';
import { Chance, Schedule } from './schedule.ts';

/** What may be taken away from the fence, to see that the simulation misses it. */
export type Options = {
  readonly terms: Terms;
  /** Whether a writer of HEAD looks which epoch it carries. */
  readonly checkEpoch: boolean;
  /** Whether the launcher ends OpenClaw when nobody extends its hold. */
  readonly launcherWatches: boolean;
  /** Whether OpenClaw's own guard does. */
  readonly guardWatches: boolean;
};

/** The shared world. */
export class World {
  readonly schedule = new Schedule();
  readonly chance: Chance;
  readonly options: Options;
  readonly bucket: SimulatedBucket;
  /** When the last fault is over. */
  readonly calmAt: number;
  /** Machines on which an OpenClaw runs. */
  readonly #running = new Set<object>();
  /** The newest epoch under which one ever ran. */
  #newestRun = 0;

  constructor(seed: number, options: Options) {
    this.chance = new Chance(seed);
    this.options = options;
    this.calmAt = this.chance.between(2, 6) * options.terms.ttlMillis;
    this.bucket = new SimulatedBucket(this.schedule, this.chance, () => (this.isCalm ? 0 : options.terms.ttlMillis));
  }

  get isCalm(): boolean {
    return this.schedule.now >= this.calmAt;
  }

  /** An OpenClaw starts on the state that a machine's disk holds. */
  openclawStarts(machine: object, epoch: number): void {
    this.#running.add(machine);
    if (this.#running.size > 1) throw new Broken('two OpenClaws run at one time');
    if (epoch < this.#newestRun)
      throw new Broken(`an OpenClaw runs on a state of epoch ${epoch} after ${this.#newestRun}`);
    this.#newestRun = epoch;
  }

  openclawEnds(machine: object): void {
    this.#running.delete(machine);
  }

  runsOn(machine: object): boolean {
    return this.#running.has(machine);
  }

  get running(): number {
    return this.#running.size;
  }

  newHolder(): HolderId {
    this.#holders += 1;
    return holderIdOf(`disk ${this.#holders}`);
  }
  #holders = 0;
}
