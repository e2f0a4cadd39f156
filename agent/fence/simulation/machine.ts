/** A machine of the simulation: a clock that runs at a rate of its own, a disk, a launcher and an OpenClaw. */
import { type Hold, holdPhase, newerHold } from '../../launcher/hold.ts';
import { type Epoch, epochOf, type HolderId } from '../lease-record.ts';
import { SimulatedProcess } from './process.ts';
import type { Way } from './way.ts';
import type { World } from './world.ts';

/** OpenClaw's process. Its guard knows until when it may run, on the machine's clock. */
type OpenClaw = { until: number };

/** What lasts when processes end. */
export type Disk = { readonly holder: HolderId; epoch: Epoch };

/** Clock, disk and OpenClaw; what runs on it is in launcher and agent. */
export class Machine {
  readonly world: World;
  readonly launcher: Launcher;
  readonly toBucket: Way;
  readonly toCoordinator: Way;
  disk: Disk;
  /** Called when the end of a hold ends OpenClaw, with that end. */
  onHoldEnds: (endsAt: number) => void = () => {};
  #openclaw: OpenClaw | undefined;
  readonly #rate: number;
  readonly #offset: number;

  constructor(world: World, rate: number) {
    this.world = world;
    this.#rate = rate;
    this.#offset = world.chance.between(0, 1e6);
    this.disk = { holder: world.newHolder(), epoch: epochOf(0) };
    this.launcher = new Launcher(this);
    this.toBucket = world.wayTo(world.bucket);
    this.toCoordinator = world.wayTo(world.coordinator);
    if (!world.hasCoordinator) this.toCoordinator.cutUntil = Number.POSITIVE_INFINITY;
  }

  /** The machine's clock. */
  get clock(): number {
    return this.#offset + this.world.schedule.now * this.#rate;
  }

  /** The real time at which the clock shows a moment. */
  realTime(moment: number): number {
    return (moment - this.#offset) / this.#rate;
  }

  /** How long a duration on the clock really is. */
  realMillis(millis: number): number {
    return millis / this.#rate;
  }

  /** Another disk. */
  loseDisk(): void {
    this.disk = { holder: this.world.newHolder(), epoch: epochOf(0) };
  }

  get openclaw(): OpenClaw | undefined {
    return this.#openclaw;
  }

  startOpenClaw(until: number): void {
    this.#openclaw = { until };
    this.world.openclawStarts(this, this.disk.epoch);
    if (this.world.options.guardWatches) this.#guard(this.#openclaw);
  }

  /** Ends what runs after a while, if it has not ended by then. */
  endOpenClaw(afterMillis: number): void {
    const running = this.#openclaw;
    if (running === undefined) return;
    const end = () => {
      if (this.#openclaw !== running) return;
      this.#openclaw = undefined;
      this.world.openclawEnds(this);
      if (this.launcher.isAlive) this.launcher.event(() => this.launcher.onExit())();
    };
    if (afterMillis === 0) end();
    else this.world.schedule.after(afterMillis, end);
  }

  /** Looks, at the end of the hold and at most half a second late, whether that is still the end. */
  #guard(running: OpenClaw): void {
    const { schedule, chance } = this.world;
    schedule.at(this.realTime(running.until) + chance.between(0, 600), () => {
      if (this.#openclaw !== running) return;
      if (this.clock < running.until) return this.#guard(running);
      this.onHoldEnds(running.until);
      this.endOpenClaw(0);
    });
  }
}

/** The launcher. When it is killed OpenClaw ends within its grace, or at the end of its hold. */
export class Launcher extends SimulatedProcess {
  readonly #machine: Machine;
  #hold: Hold | undefined;
  #isEnding = false;

  constructor(machine: Machine) {
    super(machine.world);
    this.#machine = machine;
  }

  protected override onBegin(): void {
    this.#hold = undefined;
    this.#isEnding = false;
  }

  override kill(): void {
    super.kill();
    const { chance } = this.world;
    const grace = chance.is(0.8) ? chance.between(0, 2_500) : 10_000;
    this.#machine.endOpenClaw(this.#machine.realMillis(grace));
  }

  get isIdle(): boolean {
    return this.isAlive && this.#machine.openclaw === undefined;
  }

  /** A request of the agent's; it takes a moment, or as long as the launcher stands still. Where none is, none is heard. */
  ask(work: () => void): void {
    if (!this.isAlive) return;
    this.world.schedule.after(
      this.world.chance.between(1, 30),
      this.event(() => this.act(work)),
    );
  }

  /** OpenClaw has ended. Unless that was wanted it is started again after a wait, while the hold lasts. */
  onExit(): void {
    if (this.#isEnding) return;
    const again = () => {
      if (this.#hold !== undefined && !this.#isEnding) this.start(this.#hold);
    };
    this.world.schedule.after(this.world.chance.between(250, 1_000), this.event(again));
  }

  start(hold: Hold): void {
    this.extend(hold);
    if (holdPhase(hold, this.#machine.clock) !== 'held') return;
    if (!this.isIdle || this.#hold === undefined || holdPhase(this.#hold, this.#machine.clock) !== 'held') return;
    this.#isEnding = false;
    this.#machine.startOpenClaw(this.#hold.until);
    this.#watch(this.#hold);
  }

  extend(hold: Hold): void {
    if (this.#hold !== undefined && newerHold(this.#hold, hold) === this.#hold) return;
    this.#look();
    this.#hold = hold;
    const { openclaw } = this.#machine;
    if (openclaw !== undefined) openclaw.until = hold.until;
    this.#watch(hold);
  }

  /** Stops what runs; an end that is under way goes on. */
  stop(): void {
    this.#isEnding = true;
    this.#machine.endOpenClaw(this.world.chance.between(50, 3_000));
  }

  #look(): void {
    if (this.#hold === undefined || !this.world.options.launcherWatches) return;
    const phase = holdPhase(this.#hold, this.#machine.clock);
    if (phase !== 'held' && this.#machine.openclaw !== undefined) this.#machine.onHoldEnds(this.#hold.until);
    if (phase === 'over') this.#machine.endOpenClaw(this.world.chance.between(0, 200));
    if (phase !== 'held' && !this.#isEnding) this.stop();
  }

  #watch(hold: Hold): void {
    if (this.#hold !== hold || this.#machine.openclaw === undefined || !this.world.options.launcherWatches) return;
    this.#look();
    const phase = holdPhase(hold, this.#machine.clock);
    if (phase === 'over') return;
    const next = phase === 'held' ? hold.until - hold.drainMillis : hold.until;
    const late = 0.1; // a clock that shows the moment has passed it
    this.world.schedule.at(
      this.#machine.realTime(next) + late,
      this.event(() => this.#watch(hold)),
    );
  }
}
