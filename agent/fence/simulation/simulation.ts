/**
 * One schedule: two or three machines on one bucket, with whatever may befall them, and the promises of the fence.
 *
 *   faults ────────────────────────▶ calm ──── within 3 ttl: one holds the lease, and its OpenClaw runs
 *
 * In some there is no coordinator, or was one only before: then who waits for a dead machine does so for an outage longer.
 */
import { type Terms, termsOf } from '../terms.ts';
import { Agent } from './agent.ts';
import { Broken } from './broken.ts';
import { Machine } from './machine.ts';
import { type Options, World } from './world.ts';

/** How a schedule ended. */
export type Outcome = {
  readonly events: number;
  readonly epochs: number;
  readonly millis: number;
  /** How often an OpenClaw ran past its lease on the coordinator's word, and its agent then renewed it. */
  readonly outlived: number;
};

/** Clocks run this much fast or slow. */
const RATE_ERROR = 0.05;

/** The fence as it is. */
export const whole: Options = {
  // An outage of minutes instead of a quarter of an hour: schedules are short.
  terms: termsOf(30_000, { id: 'the coordinator', outageMillis: 150_000 }),
  checkEpoch: true,
  launcherWatches: true,
  guardWatches: true,
  watcherAsks: true,
  watcherWaits: true,
  vouchCountsFromAsking: true,
  grantsLast: true,
  grantsCount: true,
};

/** The terms without any margin between the end of one holder's time and the beginning of the next one's. */
export function withoutMargin(terms: Terms): Terms {
  return { ...terms, deadlineMillis: terms.ttlMillis, drainMillis: 0, allowance: 1 };
}

/** Runs the schedule that the seed stands for. Throws, naming the seed, when a promise is broken. */
export function simulate(seed: number, options: Options = whole): Outcome {
  const world = new World(seed, options);
  try {
    return run(world);
  } catch (cause) {
    if (!(cause instanceof Broken)) throw cause;
    const at = Math.round(world.schedule.now);
    throw new Broken(`seed ${seed}, after ${at} ms: ${cause.message}`, { cause });
  }
}

type Station = { readonly machine: Machine; readonly agent: Agent };

function run(world: World): Outcome {
  const { schedule, chance } = world;
  const stations = Array.from({ length: chance.is(0.5) ? 2 : 3 }, () => station(world));
  for (const { machine, agent } of stations) {
    schedule.after(chance.between(0, 5_000), () => {
      machine.launcher.begin();
      agent.begin();
    });
  }
  schedule.after(chance.between(0, 10_000), () => strike(world, stations));
  schedule.at(world.calmAt, () => calmDown(stations));
  const end = world.calmAt + patience(world);
  let events = 0;
  while (schedule.now < end && !(world.isCalm && isServed(world, stations))) {
    if (!schedule.step()) throw new Broken('nothing happens any more');
    events += 1;
  }
  if (!isServed(world, stations)) throw new Broken('three times the time-to-live after the last fault nobody serves');
  return { events, epochs: world.bucket.floor, millis: schedule.now, outlived: world.outlived };
}

function patience({ hasCoordinator, options }: World): number {
  const { ttlMillis, witness, allowance } = options.terms;
  const outage = hasCoordinator ? 0 : (witness?.outageMillis ?? 0) * allowance;
  return 3 * ttlMillis + outage;
}

function station(world: World): Station {
  const { chance } = world;
  const extreme = chance.is(0.5) ? RATE_ERROR : -RATE_ERROR;
  const machine = new Machine(world, 1 + (chance.is(0.5) ? extreme : chance.between(-RATE_ERROR, RATE_ERROR)));
  const agent = new Agent(machine);
  machine.onHoldEnds = (endsAt) => agent.mayEnd('at the end of its hold', endsAt);
  return { machine, agent };
}

function isServed(world: World, stations: readonly Station[]): boolean {
  const [holder, another] = stations.filter(({ agent }) => agent.holds);
  return holder !== undefined && another === undefined && world.runsOn(holder.machine);
}

/** What befalls one of them, again and again until it is calm. */
function strike(world: World, stations: readonly Station[]): void {
  const { schedule, chance, options, calmAt } = world;
  const { ttlMillis } = options.terms;
  if (world.isCalm) return;
  const holder = stations.find(({ agent }) => agent.holds);
  const pick = (chance.is(0.5) && holder) || stations[Math.floor(chance.next() * stations.length)];
  const atMost = (ttls: number) => Math.min(chance.between(0, ttls) * ttlMillis, calmAt - schedule.now);
  if (pick !== undefined) {
    if (chance.is(world.weather.outages)) cutOff(world, pick, atMost(5));
    else befall(world, pick, atMost(2));
  }
  schedule.after(chance.between(0, world.weather.lull * ttlMillis), () => strike(world, stations));
}

function befall(world: World, { machine, agent }: Station, millis: number): void {
  const { schedule, chance } = world;
  const { launcher } = machine;
  const back = (work: () => void) => schedule.after(Math.max(500, millis), work);
  const faults = [
    () => agent.standStill(millis),
    () => launcher.standStill(millis),
    () => {
      agent.standStill(millis);
      launcher.standStill(millis * chance.next());
    },
    () => {
      agent.kill();
      back(() => agent.begin());
    },
    () => {
      launcher.kill();
      back(() => launcher.begin());
    },
    () => machine.endOpenClaw(0),
    () => {
      agent.kill();
      launcher.kill();
      machine.endOpenClaw(0);
      if (chance.is(0.5)) machine.loseDisk();
      back(() => launcher.begin());
      back(() => agent.begin());
    },
    () => agent.drain(millis),
  ];
  faults[Math.floor(chance.next() * faults.length)]?.();
}

/** The bucket or the coordinator is away, for one of them or for all. */
function cutOff({ schedule, chance, bucket, coordinator }: World, { machine }: Station, millis: number): void {
  const until = schedule.now + millis;
  const cuts = [
    () => {
      bucket.awayUntil = until;
    },
    () => {
      machine.toBucket.cutUntil = Math.max(until, machine.toBucket.cutUntil);
    },
    () => {
      machine.toBucket.cutUntil = Math.max(until, machine.toBucket.cutUntil);
    },
    () => {
      machine.toCoordinator.cutUntil = Math.max(until, machine.toCoordinator.cutUntil);
    },
    // One that is restarted is, often, restarted again.
    () => {
      for (let at = 0; at < 4; at += 1) schedule.after(chance.between(0, 20_000), () => coordinator.restart(500));
    },
    () => coordinator.restart(millis),
  ];
  cuts[Math.floor(chance.next() * cuts.length)]?.();
}

function calmDown(stations: readonly Station[]): void {
  for (const { machine, agent } of stations) {
    machine.launcher.begin();
    agent.begin();
  }
}
