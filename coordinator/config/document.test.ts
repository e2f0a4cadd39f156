import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '@opencrane/kit/canonical-json.ts';
import fc from 'fast-check';
import { checkDocument, setKey, unsetKey } from './document.ts';

const path = (...keys: [string, ...string[]]) => keys;

test('setting makes the objects on the way and leaves the rest', () => {
  assert.deepEqual(setKey({ a: { b: 1 }, z: 0 }, path('a', 'c', 'd'), 2, 'f'), { a: { b: 1, c: { d: 2 } }, z: 0 });
  assert.deepEqual(setKey({ a: { b: 1 } }, path('a'), null, 'f'), { a: null });
});

test('setting through a value is refused with what stands there', () => {
  const through = (document: JsonObject) => () => setKey(document, path('a', 'b', 'c'), 1, 'set[2].path');
  assert.throws(through({ a: { b: [1] } }), {
    reason: 'path_blocked',
    field: 'set[2].path',
    message: /a\.b of this layer is a list/,
  });
  assert.throws(through({ a: 5 }), { message: /a of this layer is a number, not an object/ });
  assert.throws(through({ a: null }), { message: /is null/ });
});

test('unsetting removes a key and the objects it leaves empty, and nothing else', () => {
  assert.deepEqual(unsetKey({ a: { b: { c: 1 } }, z: {} }, ['a', 'b', 'c']), { z: {} });
  assert.deepEqual(unsetKey({ a: { b: 1, c: 2 } }, ['a', 'b']), { a: { c: 2 } });
  assert.deepEqual(unsetKey({ a: { b: 1 } }, ['a']), {});
  const document = { a: { b: 1 }, c: {} };
  for (const absent of [['x'], ['a', 'x'], ['a', 'b', 'c'], ['toString'], ['c', 'd']]) {
    assert.deepEqual(unsetKey(document, absent), document);
  }
});

test('what was set and unset is as before', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }), ([first = 'a', ...rest]) => {
      const document = { z: { y: 1 } };
      assert.deepEqual(unsetKey(setKey(document, [first, ...rest], 1, 'f'), [first, ...rest]), document);
    }),
  );
});

const bad: { reason: string; document: JsonObject; error: object }[] = [
  {
    reason: 'too large',
    document: { text: 'é'.repeat(600_000) },
    error: { code: 'resource_exhausted', reason: 'config_too_large', message: /1200011 bytes/ },
  },
  {
    reason: 'too deep',
    document: { a: Array.from({ length: 70 }).reduce<Json>((inner) => [inner], 1) },
    error: { reason: 'config_too_deep' },
  },
  {
    reason: 'a prototype as a key',
    document: JSON.parse('{"a":{"__proto__":{"b":1}}}'),
    error: { reason: 'key_forbidden' },
  },
  {
    reason: 'a prototype that was assigned',
    document: { a: Object.setPrototypeOf({}, { b: 1 }) },
    error: { reason: 'key_forbidden' },
  },
  { reason: 'a constructor in a list', document: { a: [{ constructor: 1 }] }, error: { reason: 'key_forbidden' } },
];

for (const { reason, document, error } of bad) {
  test(`refused: ${reason}`, () =>
    assert.throws(() => checkDocument(document, 'document'), { field: 'document', ...error }));
}

test('an ordinary document passes', () =>
  checkDocument({ a: { b: [1, { c: null }] }, toString: 'a fine name' }, 'document'));
