/**
 * How the layers of a tenant become one document: organisation → team → tenant, the nearest one wins.
 *
 * A layer's document is read as a patch. Objects merge key by key; everything else, lists too, replaces what outer
 * layers say at that key; null takes it away. An object without keys says nothing.
 *
 * Plain documents do not merge associatively: `{a: 1}`, `{a: {b: 2}}` onto `{a: {c: 3}}` keeps or loses `c` depending
 * on which two are merged first. A patch remembers that something stood in the way (`reset`), so that layers may be
 * composed in any grouping, and org + team once for all of a team's tenants.
 */
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';

/** What a layer says of one key and those below it. */
export type Patch = Leaf | Tree;

/** Replaces whatever outer layers say; a null takes it away. */
type Leaf = { readonly value: Json };

/** Says something of keys below; with `reset`, what outer layers say of them does not count. */
type Tree = { readonly reset: boolean; readonly children: ReadonlyMap<string, Patch> };

/** Says nothing. */
export const identity: Tree = { reset: false, children: new Map() };

/** A layer's document as a patch. Objects that say nothing are left out, or they would take away what stands in their place. */
export function toPatch(document: JsonObject): Tree {
  const children = Object.entries(document)
    .map(([key, value]): [string, Patch] => [key, isJsonObject(value) ? toPatch(value) : { value }])
    .filter(([, child]) => isLeaf(child) || child.children.size > 0);
  return { reset: false, children: new Map(children) };
}

/** One patch that does what `outer` and then `inner` do. Associative; `identity` changes nothing on either side. */
export function compose(outer: Patch, inner: Patch): Patch {
  if (isLeaf(inner) || inner.reset) return inner;
  if (isLeaf(outer)) return { reset: true, children: inner.children };
  const children = new Map(outer.children);
  for (const [key, patch] of inner.children) {
    const below = children.get(key);
    children.set(key, below === undefined ? patch : compose(below, patch));
  }
  return { reset: outer.reset, children };
}

/** The document that a patch makes out of nothing. Keys are sorted; objects without keys are left out. */
export function resolve(patch: Patch): JsonObject {
  const document = resolveValue(patch);
  return isJsonObject(document) ? document : {};
}

/** Merges documents, outermost first. */
export function mergeLayers(documents: readonly JsonObject[]): JsonObject {
  return resolve(documents.map(toPatch).reduce<Patch>(compose, identity));
}

function resolveValue(patch: Patch): Json | undefined {
  if (isLeaf(patch)) return patch.value === null ? undefined : patch.value;
  const entries = [...patch.children]
    .map(([key, child]) => [key, resolveValue(child)] as const)
    .filter((entry): entry is [string, Json] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isLeaf(patch: Patch): patch is Leaf {
  return 'value' in patch;
}
