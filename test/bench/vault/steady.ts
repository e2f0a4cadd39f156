/** A large database that is written all the time, a page here and a page there, and who keeps up with it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '@opencrane/kit/clock.ts';
import type { Figures } from './figures.ts';
import { type Follower, followByAgent, followByLitestream } from './followers.ts';
import { cpuSeconds, MemoryWatch } from './measured.ts';
import { TextSource } from './text.ts';
import { Database, PAGE_BYTES } from './trees.ts';

/** How it is measured. */
export type SteadyOptions = {
  readonly seed: number;
  readonly share: number;
  readonly seconds: number;
  readonly alone: boolean;
  readonly flags: readonly string[];
  readonly compileCache: string;
  readonly print: (line: string) => void;
};

const DATABASE_BYTES = 1_000 * 1024 ** 2;
/** A page each, in a transaction of its own: 100 KB a second. */
const WRITES_PER_SECOND = 25;
/** From its first copy on everybody has a while to come to rest. */
const REST_MILLIS = 10_000;
const LOOK_MILLIS = 100;

/** Measures who keeps up, one after the other, on one database. */
export async function steady(folder: string, options: SteadyOptions, figures: Figures): Promise<void> {
  const { seed, share, alone, print } = options;
  const root = join(folder, 'tree');
  mkdirSync(join(root, 'agents', 'main'), { recursive: true });
  const path = join(root, 'agents', 'main', 'openclaw.sqlite');
  const database = new Database(path, new TextSource(seed), DATABASE_BYTES * share);
  try {
    const agent = followByAgent(root, join(folder, 'ours'), options.compileCache, options.flags);
    const { core, uploaded, worstAgeMillis, peakBytes } = await measure(agent, database, options);
    figures.goal('steady writes: share of a core, %', core * 100, 5);
    figures.goal('steady writes: bytes uploaded, times the changed ones', uploaded, 3);
    figures.goal('steady writes: age of the newest snapshot at worst, s', worstAgeMillis / 1000, 5);
    figures.goal('steady writes: MiB resident, agent and pin process', peakBytes / 1024 ** 2, 200);
    const litestream = alone ? undefined : followByLitestream(path, join(folder, 'litestream'));
    if (litestream && 'skip' in litestream) print(litestream.skip);
    else if (litestream) await measure(litestream, database, options);
  } finally {
    database.close();
  }
}

async function measure(follower: Follower, database: Database, { seconds, print }: SteadyOptions) {
  const { pid, name } = follower;
  await follower.caughtUp();
  await wait(REST_MILLIS);
  const began = systemClock.now();
  const before = { cpu: cpuSeconds(pid), bytes: follower.writtenBytes() };
  const memory = new MemoryWatch(pid);
  let worstAgeMillis = 0;
  const look = () => {
    follower.writtenBytes(); // what is written and removed between two looks must be seen
    worstAgeMillis = Math.max(worstAgeMillis, systemClock.now() - Math.max(began, follower.newestMillis()));
  };
  const looking = setInterval(look, LOOK_MILLIS);
  const writes = await write(database, seconds);
  clearInterval(looking);
  const elapsed = (systemClock.now() - began) / 1000;
  const core = (cpuSeconds(pid) - before.cpu) / elapsed;
  const changedBytes = writes * PAGE_BYTES;
  const uploaded = (follower.writtenBytes() - before.bytes) / changedBytes;
  const peakBytes = memory.end();
  await follower.end();
  print(
    `steady writes of ${(changedBytes / elapsed / 1000).toFixed(0)} KB/s for ${elapsed.toFixed(0)} s: ${name}: ${(core * 100).toFixed(2)} % of a core, uploaded ${uploaded.toFixed(2)} times the changed bytes, newest copy at worst ${(worstAgeMillis / 1000).toFixed(2)} s old, ${(peakBytes / 1024 ** 2).toFixed(0)} MiB`,
  );
  return { core, uploaded, worstAgeMillis, peakBytes };
}

/** Writes as evenly as a timer allows; says how many pages. */
async function write(database: Database, seconds: number): Promise<number> {
  const began = systemClock.monotonic();
  const writes = seconds * WRITES_PER_SECOND;
  for (let count = 0; count < writes; count += 1) {
    await wait(Math.max(0, began + (count * 1000) / WRITES_PER_SECOND - systemClock.monotonic()));
    database.touch();
  }
  return writes;
}
