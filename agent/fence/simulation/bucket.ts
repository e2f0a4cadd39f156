/** The bucket of the simulation. */
import type { Generation } from '../../bucket/bucket.ts';
import type { Found } from '../lease.ts';
import { type Epoch, epochOf, type LeaseRecord } from '../lease-record.ts';
import { Broken } from './broken.ts';

/** What HEAD says. */
export type Head = { readonly epoch: Epoch; readonly generation: Generation };

/** Objects with generations. */
export class SimulatedBucket {
  lease: Found | undefined;
  head: Head | undefined;
  /** Until when it answers nobody. */
  awayUntil = 0;
  #writes = 0;
  readonly #holders = new Map<Epoch, string>();

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

  #newGeneration(): Generation {
    this.#writes += 1;
    return String(this.#writes) as Generation; // the one place that brands
  }
}
