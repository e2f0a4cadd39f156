import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PageSet } from './page-set.ts';

test('it is a set: each page once, ascending, whatever the order they came in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000)), fc.nat(6000), (pages, end) => {
      const set = new PageSet();
      set.addAll(pages);
      const expected = [...new Set(pages)].toSorted((left, right) => left - right);
      assert.equal(set.size, expected.length);
      assert.deepEqual([...set.below(Number.POSITIVE_INFINITY)], expected);
      assert.deepEqual(
        [...set.below(end)],
        expected.filter((page) => page < end),
      );
    }),
  );
});

test('pages of a database of 256 GiB fit in', () => {
  const set = new PageSet();
  set.add(2 ** 26);
  assert.deepEqual([...set.below(2 ** 26 + 1)], [2 ** 26]);
});
