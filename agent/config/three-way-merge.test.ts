import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject, type Json, type JsonObject, jsonEquals } from '@opencrane/kit/canonical-json.ts';
import fc from 'fast-check';
import { leavesOf, type Path, valueAt } from './paths.ts';
import { changedPaths, mergePatchBetween, mergeThreeWays, replacedArrays } from './three-way-merge.ts';

// Few keys, so that the three documents meet often. `__proto__` is a key like any other.
const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'x.y');
const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.boolean(),
  fc.constantFrom('s', 't', ''),
);
const value = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar, { maxLength: 2 }), tie('object')),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
}));
const document = value.object;

const isUnder = (path: Path, above: Path) => above.every((each, at) => path[at] === each);

test('managed leaves always win', () => {
  fc.assert(
    fc.property(document, document, document, (previous, managed, live) => {
      const merged = mergeThreeWays(previous, managed, live);
      for (const leaf of leavesOf(managed)) {
        const now = valueAt(merged, leaf.path);
        if (isJsonObject(leaf.value)) assert.ok(isJsonObject(now));
        else assert.deepEqual(now, leaf.value);
      }
    }),
  );
});

test('a key that neither was nor is managed survives', () => {
  fc.assert(
    fc.property(document, document, document, (previous, managed, live) => {
      const merged = mergeThreeWays(previous, managed, live);
      const owned = [...leavesOf(previous), ...leavesOf(managed)].filter(({ value }) => !isJsonObject(value));
      // An admin who makes an object where the user had a value takes that value, and the other way round.
      const touched = (path: Path) =>
        owned.some(({ path: other }) => isUnder(path, other) || isUnder(other, path)) ||
        [...leavesOf(managed), ...leavesOf(previous)].some(({ path: other }) => isUnder(other, path));
      for (const leaf of leavesOf(live)) {
        if (isJsonObject(leaf.value) || touched(leaf.path)) continue;
        assert.deepEqual(valueAt(merged, leaf.path), leaf.value, `${leaf.path.join('/')} is the user's`);
      }
    }),
  );
});

test('a key that was managed and no longer is vanishes', () => {
  fc.assert(
    fc.property(document, document, document, (previous, managed, live) => {
      const before = mergeThreeWays({}, previous, live);
      const merged = mergeThreeWays(previous, managed, before);
      for (const leaf of leavesOf(previous)) {
        if (isJsonObject(leaf.value) || valueAt(managed, leaf.path) !== undefined) continue;
        assert.equal(valueAt(merged, leaf.path), undefined, leaf.path.join('/'));
      }
    }),
  );
});

test('merging again changes nothing', () => {
  fc.assert(
    fc.property(document, document, document, (previous, managed, live) => {
      const once = mergeThreeWays(previous, managed, live);
      assert.deepEqual(mergeThreeWays(managed, managed, once), once);
      assert.deepEqual(mergeThreeWays(previous, managed, once), once);
    }),
  );
});

test('the order of keys does not matter', () => {
  const turned = (json: Json): Json =>
    isJsonObject(json)
      ? Object.fromEntries(
          Object.entries(json)
            .reverse()
            .map(([name, inner]) => [name, turned(inner)]),
        )
      : json;
  fc.assert(
    fc.property(document, document, document, (previous, managed, live) => {
      const [p, m, l] = [turned(previous), turned(managed), turned(live)];
      assert.ok(isJsonObject(p) && isJsonObject(m) && isJsonObject(l));
      assert.ok(jsonEquals(mergeThreeWays(previous, managed, live), mergeThreeWays(p, m, l)));
    }),
  );
});

test('the merge patch between two documents makes the one into the other', () => {
  fc.assert(
    fc.property(document, document, (from, to) => {
      assert.ok(jsonEquals(applyMergePatch(from, mergePatchBetween(from, to)), to));
      assert.equal(changedPaths(from, to).length === 0, jsonEquals(from, to));
    }),
  );
});

test('every array that a patch replaces or removes is named', () => {
  fc.assert(
    fc.property(document, document, (from, to) => {
      const named = replacedArrays(from, mergePatchBetween(from, to)).map((path) => path.join('/'));
      for (const { path, value: before } of leavesOf(from)) {
        const lost = Array.isArray(before) && !jsonEquals(valueAt(to, path), before);
        if (lost) assert.ok(named.includes(path.join('/')), path.join('/'));
      }
    }),
  );
});

const rows: { reason: string; previous: JsonObject; managed: JsonObject; live: JsonObject; wanted: JsonObject }[] = [
  {
    reason: 'a list is one value: the admin’s list replaces the user’s, entry by entry merging would keep removed ones',
    previous: {},
    managed: { tools: { allow: ['read'] } },
    live: { tools: { allow: ['exec', 'read'], profile: 'full' } },
    wanted: { tools: { allow: ['read'], profile: 'full' } },
  },
  {
    reason: 'a section that only held managed keys goes with the last of them',
    previous: { models: { providers: { x: { baseUrl: 'u' } } } },
    managed: {},
    live: { models: { providers: { x: { baseUrl: 'u' } } }, meta: { lastTouchedVersion: '1' } },
    wanted: { meta: { lastTouchedVersion: '1' } },
  },
  {
    reason: 'what a user put beside a key that is no longer managed stays',
    previous: { agents: { defaults: { timeoutSeconds: 1 } } },
    managed: {},
    live: { agents: { defaults: { timeoutSeconds: 1, maxConcurrent: 2 } } },
    wanted: { agents: { defaults: { maxConcurrent: 2 } } },
  },
  {
    reason: 'a section managed as empty leaves its inside to the user, also when it is managed no longer',
    previous: { agents: { entries: {} } },
    managed: {},
    live: { agents: { entries: { main: { name: 'Main' } } } },
    wanted: { agents: { entries: { main: { name: 'Main' } } } },
  },
  {
    reason: 'a managed section replaces a value that cannot hold it',
    previous: {},
    managed: { logging: { level: 'warn' } },
    live: { logging: 'loud' },
    wanted: { logging: { level: 'warn' } },
  },
];

for (const { reason, previous, managed, live, wanted } of rows) {
  test(reason, () => assert.deepEqual(mergeThreeWays(previous, managed, live), wanted));
}

/** RFC 7396, as its pseudo-code has it. */
function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const result = new Map<string, Json>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, inner] of Object.entries(patch)) {
    if (inner === null) result.delete(name);
    else result.set(name, applyMergePatch(result.get(name), inner));
  }
  return Object.fromEntries(result);
}
