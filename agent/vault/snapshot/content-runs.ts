/**
 * Where the content of a file lies, counted in chunks. All of it is asked for before anything is read: of room that was reserved
 * and never written to, the system takes for content what a reading has brought into its cache, and it reads ahead.
 */
import { setImmediate } from 'node:timers/promises';
import { systemCode } from '@opencrane/kit/errors.ts';
import type { NativeCalls } from '../../posix/native-calls.ts';
import { FILE_CHUNK_BYTES } from '../tree/entries.ts';

/** Tells where content lies. */
export type Holes = Pick<NativeCalls, 'nextContent' | 'nextHole'>;

/** With so many runs more, only holes of twice the length are told: the list must not grow with a shattered file. */
const RUNS_PER_DOUBLING = 16_384;
/** Each takes microseconds, and others wait. */
const ASKED_AT_ONCE = 1_024;
/** A file system that cannot tell. */
const REFUSALS: ReadonlySet<string> = new Set(['EINVAL', 'ENOTTY', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** The places of a file that have content, from one on; all of them where nobody can tell. */
export async function contentPlaces(
  holes: Holes | undefined,
  file: number,
  from: number,
  places: number,
): Promise<Iterable<number>> {
  return placesIn(holes ? await askFor(holes, file, from) : [from, places], places);
}

function* placesIn(runs: readonly number[], places: number): Generator<number> {
  for (let run = 0; run < runs.length; run += 2) {
    const end = Math.min(runs[run + 1] ?? 0, places);
    for (let place = runs[run] ?? 0; place < end; place += 1) yield place;
  }
}

/** Runs, flat: the first place, and the one after the last. */
async function askFor(holes: Holes, file: number, from: number): Promise<number[]> {
  const runs: number[] = [];
  let place = from;
  for (let asked = 1; ; asked += 1) {
    const next = nextRun(holes, file, place);
    if (next === undefined) return runs;
    const last = runs.at(-1);
    const shortest = 2 ** Math.floor(runs.length / 2 / RUNS_PER_DOUBLING);
    if (last !== undefined && next.first - last < shortest) runs[runs.length - 1] = next.end;
    else runs.push(next.first, next.end);
    place = next.end;
    if (asked % ASKED_AT_ONCE === 0) await setImmediate();
  }
}

function nextRun(holes: Holes, file: number, place: number): { first: number; end: number } | undefined {
  if (place === Number.POSITIVE_INFINITY) return undefined;
  try {
    const content = holes.nextContent(file, place * FILE_CHUNK_BYTES);
    if (content === undefined) return undefined;
    const end = Math.ceil(holes.nextHole(file, content) / FILE_CHUNK_BYTES);
    return { first: Math.floor(content / FILE_CHUNK_BYTES), end };
  } catch (cause) {
    if (!REFUSALS.has(systemCode(cause))) throw cause;
    return { first: place, end: Number.POSITIVE_INFINITY };
  }
}
