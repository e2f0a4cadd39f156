import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkTable } from './chunk-table.ts';

/** A name, as good as random. */
const nameOf = (text: string | number) => createHash('sha256').update(`${text}`).digest().subarray(0, 16);

test('a table answers as a map would, through growth, forgetting and hiding', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('add' as const), key: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), key: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('hide' as const), key: fc.nat(3) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const table = new ChunkTable();
      let added: number[] = [];
      let isFound: (chunk: number) => boolean = () => true;
      for (const { do: what, key } of steps) {
        if (what === 'add') {
          const chunk = table.add(nameOf(key), 0, { pack: key, frame: added.length, offset: key * 2 });
          assert.equal(chunk, added.push(key) - 1);
          const before = isFound;
          isFound = (one) => before(one) || one >= chunk;
        } else if (what === 'truncate') {
          table.truncate(key);
          if (key < added.length) isFound = () => true;
          added = added.slice(0, key);
        } else {
          const passes = (chunk: number) => chunk % 4 !== key;
          table.findOnly(passes);
          const hiddenBelow = added.length;
          isFound = (chunk) => chunk >= hiddenBelow || passes(chunk);
        }
        for (const [chunk, name] of added.entries()) {
          assert.deepEqual([table.pack(chunk), table.frame(chunk), table.offset(chunk)], [name, chunk, name * 2]);
          const last = added.findLastIndex((other, at) => other === name && isFound(at));
          assert.equal(table.find(nameOf(name)), last);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a hundred thousand chunks are found, and what was never added is not', () => {
  const table = new ChunkTable();
  for (let key = 0; key < 100_000; key += 1)
    table.add(nameOf(key), 0, { pack: key & 7, frame: key & 127, offset: key });
  const name = Buffer.alloc(16);
  for (let key = 0; key < 100_000; key += 997) {
    assert.equal(table.find(nameOf(key)), key);
    table.writeName(key, name, 0);
    assert.deepEqual(name, nameOf(key));
    assert.equal(table.find(nameOf(`never ${key}`)), -1);
  }
});
