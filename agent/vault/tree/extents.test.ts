import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Extents } from './extents.ts';

test('places and chunks lead to each other, and holes to none', () => {
  const run = fc.record({ hole: fc.nat(5), chunks: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 8 }), (runs) => {
      const flat: number[] = [];
      const places: number[] = [];
      let end = 0;
      for (const [count, { hole, chunks }] of runs.entries()) {
        end += count === 0 ? hole : hole + 1;
        flat.push(end, chunks);
        for (let chunk = 0; chunk < chunks; chunk += 1) places.push(end + chunk);
        end += chunks;
      }
      const extents = Extents.of(flat);
      assert.deepEqual([extents.chunks, extents.end, extents.flat()], [places.length, end, flat]);
      assert.deepEqual(
        places.map((_, chunk) => extents.placeOf(chunk)),
        places,
      );
      for (let place = 0; place < end + 3; place += 1) {
        const chunk = places.indexOf(place);
        assert.equal(extents.chunkAt(place), chunk < 0 ? undefined : chunk);
      }
      assert.ok(extents.equals(Extents.of(flat)));
      assert.ok(!extents.equals(Extents.of([...flat, end + 1, 1])));
    }),
  );
});

test('the places of a file of 4 PiB are told apart', () => {
  const extents = Extents.of([2 ** 33, 1, 2 ** 34, 2]);
  assert.deepEqual([extents.placeOf(0), extents.placeOf(2), extents.chunkAt(2 ** 34)], [2 ** 33, 2 ** 34 + 1, 1]);
});

const impossible = [
  { reason: 'half a run', flat: [1] },
  { reason: 'runs that overlap', flat: [1, 2, 2, 1] },
  { reason: 'a run right after another', flat: [1, 2, 3, 1] },
  { reason: 'a run of nothing', flat: [1, 0] },
  { reason: 'runs out of order', flat: [5, 1, 1, 1] },
];
for (const { reason, flat } of impossible) test(`no extents: ${reason}`, () => assert.throws(() => Extents.of(flat)));
