/**
 * One schedule: two or three machines on one bucket, with whatever may befall them, and the promises of the fence.
 *
 *   faults ────────────────────────▶ calm ──── within 3 ttl: one holds the lease, and its OpenClaw runs
 */
import { type Terms, termsOf } from '../terms.ts';
import { Agent } from './agent.ts';
import { Broken } from './broken.ts';
import { Machine } from './machine.ts';
import { type Options, World } from './world.ts';

/** How a schedule ended. */
export type Outcome = { readonly events: number; readonly epochs: number; readonly millis: number };

/** Clocks run this much fast or slow. */
const RATE_ERROR = 0.05;

/** The fence as it is. */
export const whole: Options = {
  terms: termsOf(30_000),
  checkEpoch: true,
  launcherWatches: true,
  guardWatches: true,
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
  const { schedule, chance, options } = world;
  const stations = Array.from({ length: chance.is(0.5) ? 2 : 3 }, () => station(world));
  for (const { machine, agent } of stations) {
    schedule.after(chance.between(0, 5_000), () => {
      machine.launcher.begin();
      agent.begin();
    });
  }
  schedule.after(chance.between(0, 10_000), () => strike(world, stations));
  schedule.at(world.calmAt, () => calmDown(stations));
  const end = world.calmAt + 3 * options.terms.ttlMillis;
  let events = 0;
  while (schedule.now < end && !(world.isCalm && isServed(world, stations))) {
    if (!schedule.step()) throw new Broken('nothing happens any more');
    events += 1;
  }
  if (!isServed(world, stations)) throw new Broken('three times the time-to-live after the last fault nobody serves');
  return { events, epochs: world.bucket.floor, millis: schedule.now };
}

function station(world: World): Station {
  const { chance } = world;
  const extreme = chance.is(0.5) ? RATE_ERROR : -RATE_ERROR;
  const machine = new Machine(world, 1 + (chance.is(0.5) ? extreme : chance.between(-RATE_ERROR, RATE_ERROR)));
  return { machine, agent: new Agent(machine) };
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
  const pick = stations[Math.floor(chance.next() * stations.length)];
  if (pick !== undefined) befall(world, pick, Math.min(chance.between(0, 2) * ttlMillis, calmAt - schedule.now));
  schedule.after(chance.between(0, ttlMillis / 2), () => strike(world, stations));
}

function befall(world: World, { machine, agent }: Station, millis: number): void {
  const { schedule, chance, bucket } = world;
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
    () => {
      bucket.awayUntil = schedule.now + millis;
    },
    () => agent.drain(millis),
  ];
  faults[Math.floor(chance.next() * faults.length)]?.();
}

function calmDown(stations: readonly Station[]): void {
  for (const { machine, agent } of stations) {
    machine.launcher.begin();
    agent.begin();
  }
}
