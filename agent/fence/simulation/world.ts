/** What everything in the simulation shares: time, chance, the bucket, and the promises that are checked. */
import { type HolderId, holderIdOf } from '../lease-record.ts';
import type { Terms } from '../terms.ts';
import { Broken } from './broken.ts';
import { SimulatedBucket } from './bucket.ts';
import { type CoordinatorOptions, SimulatedCoordinator } from './coordinator.ts';
import { Chance, Schedule } from './schedule.ts';
import { type Place, Way } from './way.ts';

/** What may be taken away from the fence, to see that the simulation misses it. */
export type Options = CoordinatorOptions & {
  readonly terms: Terms;
  /** Whether a writer of HEAD looks which epoch it carries. */
  readonly checkEpoch: boolean;
  /** Whether the launcher ends OpenClaw when nobody extends its hold. */
  readonly launcherWatches: boolean;
  /** Whether OpenClaw's own guard does. */
  readonly guardWatches: boolean;
  /** Whether a watcher asks the witness before it takes over on the ttl alone. */
  readonly watcherAsks: boolean;
  /** Whether it then waits as long as a vouch lasts. */
  readonly watcherWaits: boolean;
  /** Whether a vouch counts from when it was asked for, and not from when the answer was there. */
  readonly vouchCountsFromAsking: boolean;
};

/** What mostly befalls whom. */
export type Weather = {
  /** How much of it is that the bucket or the coordinator is away. */
  readonly outages: number;
  /** How many requests are lost, late or doubled. */
  readonly unsure: number;
  /** How often a process stands still just before or just after it does something. */
  readonly halting: number;
  /** Most time from one strike to the next, in ttls. */
  readonly lull: number;
};

const storm: Weather = { outages: 0.1, unsure: 0.25, halting: 0.015, lull: 0.5 };
const outages: Weather = { outages: 0.9, unsure: 0.1, halting: 0.003, lull: 1 };
/** Outages, and agents that stand still with a question on its way. */
const stupor: Weather = { outages: 0.9, unsure: 0.1, halting: 0.015, lull: 1.5 };
const weathers = [storm, outages, stupor];

/** The shared world. */
export class World {
  readonly schedule = new Schedule();
  readonly chance: Chance;
  readonly options: Options;
  readonly bucket: SimulatedBucket;
  readonly coordinator: SimulatedCoordinator;
  readonly weather: Weather;
  /** Without one nobody ever answers there. */
  readonly hasCoordinator: boolean;
  /** How often an OpenClaw outlived its lease on the coordinator's word, and its agent found the lease as it was. */
  outlived = 0;
  /** When the last fault is over. */
  readonly calmAt: number;
  /** Machines on which an OpenClaw runs. */
  readonly #running = new Set<object>();
  /** The newest epoch under which one ever ran. */
  #newestRun = 0;

  constructor(seed: number, options: Options) {
    this.chance = new Chance(seed);
    this.options = options;
    this.calmAt = this.chance.between(2, 7) * options.terms.ttlMillis;
    this.bucket = new SimulatedBucket();
    this.coordinator = new SimulatedCoordinator(this.schedule, options);
    this.hasCoordinator = this.chance.is(0.9);
    this.weather = weathers[Math.floor(this.chance.next() * weathers.length)] ?? storm;
  }

  /** A way to the bucket or to the coordinator. */
  wayTo(place: Place): Way {
    const worstDelay = () => (this.isCalm ? 0 : this.options.terms.ttlMillis);
    return new Way(this.schedule, this.chance, { worstDelay, unsure: this.weather.unsure }, place);
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
