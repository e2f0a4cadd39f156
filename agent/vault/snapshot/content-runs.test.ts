import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_CHUNK_BYTES as CHUNK } from '../tree/entries.ts';
import { contentPlaces, type Holes } from './content-runs.ts';

/** A file whose content lies in these runs, in bytes. */
function holesOf(runs: readonly (readonly [begin: number, end: number])[]): Holes {
  return {
    nextContent(_, offset) {
      const run = runs.find(([, end]) => end > offset);
      return run && Math.max(run[0], offset);
    },
    nextHole: (_, offset) => runs.find(([begin, end]) => begin <= offset && offset < end)?.[1] ?? offset,
  };
}

const rows = [
  { reason: 'no content', runs: [], from: 0, places: 100, expected: [] },
  { reason: 'content in the middle', runs: [[5 * CHUNK, 7 * CHUNK]], from: 0, places: 100, expected: [5, 6] },
  { reason: 'parts of chunks', runs: [[5 * CHUNK + 10, 6 * CHUNK + 10]], from: 0, places: 100, expected: [5, 6] },
  {
    reason: 'two runs in one chunk',
    runs: [
      [10, 20],
      [30, 40],
    ],
    from: 0,
    places: 100,
    expected: [0],
  },
  { reason: 'from a place within a run', runs: [[0, 9 * CHUNK]], from: 7, places: 100, expected: [7, 8] },
  { reason: 'a file that has grown since', runs: [[0, 9 * CHUNK]], from: 0, places: 3, expected: [0, 1, 2] },
] as const;
for (const { reason, runs, from, places, expected } of rows) {
  test(`where content lies: ${reason}`, async () =>
    assert.deepEqual([...(await contentPlaces(holesOf(runs), 0, from, places))], expected));
}

test('where nobody can tell, or the file system refuses to, everything is content', async () => {
  assert.deepEqual([...(await contentPlaces(undefined, 0, 1, 4))], [1, 2, 3]);
  const refuse = () => {
    throw Object.assign(new Error('EINVAL: lseek'), { code: 'EINVAL' });
  };
  assert.deepEqual([...(await contentPlaces({ nextContent: refuse, nextHole: refuse }, 0, 1, 4))], [1, 2, 3]);
});

test('a shattered file of 1 TiB costs a bounded list: short holes are read', async () => {
  const every = 4; // chunks
  const places = 2 ** 40 / CHUNK;
  const holes: Holes = {
    nextContent(_, offset) {
      const place = Math.ceil(offset / CHUNK / every) * every;
      return place < places ? place * CHUNK : undefined;
    },
    nextHole: (_, offset) => offset + 1,
  };
  let [runs, last] = [0, -2];
  for (const place of await contentPlaces(holes, 0, 0, places)) {
    if (place !== last + 1) runs += 1;
    last = place;
  }
  assert.ok(runs > 16_384 && runs < 100_000, `${runs} runs`);
});
