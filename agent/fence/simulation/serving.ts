/**
 * What an agent of the simulation does with a lease that it holds: a disk on which others have not written since is good
 * as it is, any other becomes what HEAD names and HEAD gets this holder's epoch; then OpenClaw runs, and every snapshot
 * moves HEAD.
 */
import type { HoldTime } from '../../launcher/hold.ts';
import type { Epoch } from '../lease-record.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** The agent, as far as serving needs it. */
export interface Holder {
  readonly world: World;
  /** Whether the lease is surely held now. */
  readonly isHeld: boolean;
  /** Whether OpenClaw may be started now, perhaps on the coordinator's word. */
  readonly mayServe: boolean;
  /** For how long OpenClaw may run, on the machine's clock. */
  readonly hold: HoldTime;
  /** One request to the bucket. */
  call<T>(work: () => T, answered: (answer: T | 'failed') => void): void;
  /** Asks something of the launcher. */
  ask(work: () => void): void;
  later(localMillis: number, work: () => void): void;
  /** Ends the agent's process; another begins after a while. */
  restart(afterMillis: number): void;
}

/** Serving under one epoch. */
export class Serving {
  readonly #holder: Holder;
  readonly #machine: Machine;
  readonly #epoch: Epoch;
  #isDraining = false;

  constructor(holder: Holder, machine: Machine, epoch: Epoch) {
    this.#holder = holder;
    this.#machine = machine;
    this.#epoch = epoch;
  }

  /** Makes the disk good, and serves. */
  begin(): void {
    const { disk, launcher, openclaw } = this.#machine;
    if (disk.epoch === this.#epoch) {
      this.#serve();
    } else if (openclaw !== undefined) {
      this.#holder.ask(() => launcher.stop());
      this.#holder.later(500, () => this.begin());
    } else {
      this.#moveHead(() => {
        disk.epoch = this.#epoch;
        this.#serve();
      });
    }
  }

  /** Stops OpenClaw for good; `drained` when it is gone. */
  drain(drained: () => void): void {
    const { launcher } = this.#machine;
    this.#isDraining = true;
    this.#holder.ask(() => launcher.stop());
    const look = () => {
      if (this.#machine.openclaw === undefined) drained();
      else this.#holder.later(500, look);
    };
    this.#holder.later(500, look);
  }

  #serve(): void {
    const { world, isHeld, mayServe, hold } = this.#holder;
    const { launcher, openclaw } = this.#machine;
    const again = () => this.#holder.later(world.chance.between(3_000, 8_000), () => this.#serve());
    if (isHeld && !this.#isDraining && openclaw !== undefined) {
      this.#moveHead(again);
      return;
    }
    if (mayServe && !this.#isDraining && openclaw === undefined) {
      const asked = { ...hold, asOf: this.#machine.clock };
      this.#holder.ask(() => launcher.start(asked));
    }
    again();
  }

  /** The lease is asked about once, before the first request; between any two the process may stand still. */
  #moveHead(moved: () => void): void {
    const { bucket, options } = this.#holder.world;
    const again = () => this.#holder.later(500, () => this.#moveHead(moved));
    if (!this.#holder.isHeld) {
      again();
      return;
    }
    this.#holder.call(
      () => ({ head: bucket.head }),
      (answer) => {
        if (answer === 'failed') again();
        else if (options.checkEpoch && (answer.head?.epoch ?? 0) > this.#epoch) this.#holder.restart(1_000);
        else {
          this.#holder.call(
            () => bucket.moveHead(this.#epoch, answer.head?.generation),
            (written) => (written === 'failed' || written === 'conflict' ? again() : moved()),
          );
        }
      },
    );
  }
}
