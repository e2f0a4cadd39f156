import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import fc from 'fast-check';
import { setKey } from './document.ts';
import { compose, identity, mergeLayers, type Patch, resolve, toPatch } from './layers.ts';
import { managedPaths, originsOf } from './managed-paths.ts';
import { parsePath } from './path.ts';

/** Few keys, so that layers meet; every kind of value, so that they get in each other's way. */
const document: fc.Arbitrary<JsonObject> = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, 0, 'word', [], [1, null], [{ a: {} }]),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c.d', 'e f'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
})).object;

/** What the documentation promises, said the plain way: each layer in turn onto what the outer ones made. */
function onto(outer: Json | undefined, inner: Json): Json | undefined {
  if (!isJsonObject(inner)) return inner === null ? undefined : inner;
  const merged: Record<string, Json> = isJsonObject(outer) ? { ...outer } : {};
  for (const [key, value] of Object.entries(inner)) {
    if (isJsonObject(value) && saysNothing(value)) continue;
    const result = onto(merged[key], value);
    if (result === undefined || (isJsonObject(result) && Object.keys(result).length === 0)) delete merged[key];
    else merged[key] = result;
  }
  return merged;
}

function saysNothing(value: JsonObject): boolean {
  return Object.values(value).every((child) => isJsonObject(child) && saysNothing(child));
}

test('layers may be composed in any grouping', () => {
  fc.assert(
    fc.property(document, document, document, (a, b, c) => {
      const [x, y, z] = [toPatch(a), toPatch(b), toPatch(c)];
      assert.deepEqual(compose(compose(x, y), z), compose(x, compose(y, z)));
    }),
    { numRuns: 1_000 },
  );
});

test('a layer that says nothing changes nothing', () => {
  fc.assert(
    fc.property(document, (a) => {
      assert.deepEqual(compose(identity, toPatch(a)), toPatch(a));
      assert.deepEqual(compose(toPatch(a), identity), toPatch(a));
    }),
  );
});

test('merging is what applying the layers in turn gives', () => {
  fc.assert(
    fc.property(fc.array(document, { maxLength: 4 }), (layers) => {
      const plain = layers.reduce<Json | undefined>((outer, inner) => onto(outer, inner), {});
      assert.deepEqual(mergeLayers(layers), plain);
    }),
    { numRuns: 1_000 },
  );
});

test('the spelling of the layers does not matter: equal documents have equal digests', () => {
  const reversed = (value: Json): Json =>
    isJsonObject(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, child]) => [key, reversed(child)]),
        )
      : value;
  fc.assert(
    fc.property(document, document, (a, b) => {
      const other = [reversed(a), reversed(b)].filter(isJsonObject);
      assert.equal(JSON.stringify(mergeLayers([a, b])), JSON.stringify(mergeLayers(other)));
      assert.equal(JSON.stringify(mergeLayers([a, b])), canonicalJson(mergeLayers([a, b])));
    }),
  );
});

test('every value of the nearest layer stands in the merged document, and comes from there', () => {
  fc.assert(
    fc.property(document, document, document, (organisation, team, tenant) => {
      const merged = mergeLayers([organisation, team, tenant]);
      const paths = managedPaths(merged);
      const layers = [
        { layer: 'organisation', document: organisation },
        { layer: 'team', document: team },
        { layer: 'tenant', document: tenant },
      ];
      const origins = originsOf(merged, layers);
      for (const [path, value] of managedPaths(tenant)) {
        assert.deepEqual(paths.get(path), value === null ? undefined : value);
        if (value !== null) assert.equal(origins.get(path), 'tenant');
      }
      assert.deepEqual([...origins.keys()], [...paths.keys()], 'nothing stands there that nobody set');
    }),
    { numRuns: 500 },
  );
});

test('a value stands in the layer that it is said to come from', () => {
  fc.assert(
    fc.property(document, document, (organisation, tenant) => {
      const merged = mergeLayers([organisation, tenant]);
      const layers = [organisation, tenant].map((own) => ({ layer: managedPaths(own), document: own }));
      for (const [path, own] of originsOf(merged, layers)) {
        assert.deepEqual(own.get(path), managedPaths(merged).get(path));
      }
    }),
    { numRuns: 500 },
  );
});

test('the managed paths and their values make up the merged document', () => {
  fc.assert(
    fc.property(document, document, (a, b) => {
      const merged = mergeLayers([a, b]);
      const rebuilt = [...managedPaths(merged)].reduce<JsonObject>(
        (made, [path, value]) => setKey(made, parsePath(path), value, 'test'),
        {},
      );
      assert.deepEqual(rebuilt, merged);
    }),
  );
});

const cases: { reason: string; layers: JsonObject[]; merged: JsonObject }[] = [
  { reason: 'no layers make an empty document', layers: [], merged: {} },
  { reason: 'objects merge key by key', layers: [{ a: { b: 1 } }, { a: { c: 2 } }], merged: { a: { b: 1, c: 2 } } },
  { reason: 'a list replaces a list', layers: [{ a: [1, 2] }, { a: [3] }], merged: { a: [3] } },
  { reason: 'null takes away', layers: [{ a: { b: 1, c: 2 } }, { a: { b: null } }], merged: { a: { c: 2 } } },
  { reason: 'null takes away what the layer in between set', layers: [{}, { a: 1 }, { a: null }], merged: {} },
  {
    reason: 'a nearer layer sets again what another took away',
    layers: [{ a: 1 }, { a: null }, { a: 2 }],
    merged: { a: 2 },
  },
  {
    reason: 'a value in the way cuts off what stood before it',
    layers: [{ a: { c: 3 } }, { a: 1 }, { a: { b: 2 } }],
    merged: { a: { b: 2 } },
  },
  {
    reason: 'an empty object says nothing',
    layers: [
      { a: 1, b: { c: 1 } },
      { a: {}, b: {} },
    ],
    merged: { a: 1, b: { c: 1 } },
  },
  { reason: 'nulls within a list are values', layers: [{ a: [null] }], merged: { a: [null] } },
];

for (const { reason, layers, merged } of cases) {
  test(reason, () => {
    assert.deepEqual(mergeLayers(layers), merged);
    assert.deepEqual(
      resolve(layers.map(toPatch).reduceRight<Patch>((inner, outer) => compose(outer, inner), identity)),
      merged,
    );
  });
}
