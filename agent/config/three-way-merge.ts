/**
 * Lays a managed document over a document that its user may edit, as `kubectl apply` does: what is managed wins, what
 * was managed and no longer is goes, the rest stays the user's.
 *
 *   previous managed, new managed ──▶ what to take away ┐
 *                                    new managed ───────┼──▶ wanted
 *                                    live file ─────────┘
 *
 * Arrays and scalars are replaced whole; only objects are merged.
 */
import { isJsonObject, type Json, type JsonObject, jsonEquals } from '@opencrane/kit/canonical-json.ts';
import { isTree, member, type Path } from './paths.ts';

/** The document that should be live. `previous` is the managed document that was laid over it last. */
export function mergeThreeWays(previous: JsonObject, managed: JsonObject, live: JsonObject): JsonObject {
  return impose(managed, withdraw(previous, managed, live));
}

/** The document with every leaf of `managed` in it. */
function impose(managed: JsonObject, live: JsonObject): JsonObject {
  const imposed = Object.entries(managed).map(([key, value]): readonly [string, Json] => {
    if (!isJsonObject(value)) return [key, value];
    const below = member(live, key);
    return [key, impose(value, isJsonObject(below) ? below : {})];
  });
  return withMembers(live, imposed);
}

/** The document without the leaves that only `previous` has. An object that this leaves empty goes too. */
function withdraw(previous: JsonObject, managed: JsonObject, live: JsonObject): JsonObject {
  const members = Object.entries(live).flatMap(([key, value]): readonly (readonly [string, Json])[] => {
    const before = member(previous, key);
    const after = member(managed, key);
    if (before === undefined) return [[key, value]];
    if (!isTree(value) || !isJsonObject(before)) return after === undefined ? [] : [[key, value]];
    if (!isTree(before)) return [[key, value]]; // an object without keys was managed: what is inside is the user's
    const rest = withdraw(before, isJsonObject(after) ? after : {}, value);
    return Object.keys(rest).length === 0 && after === undefined ? [] : [[key, rest]];
  });
  return Object.fromEntries(members);
}

/** The JSON merge patch (RFC 7396) that makes `from` into `to`. `to` must not hold null. */
export function mergePatchBetween(from: JsonObject, to: JsonObject): JsonObject {
  const gone = Object.keys(from)
    .filter((key) => !Object.hasOwn(to, key))
    .map((key) => [key, null] as const);
  const changed = Object.entries(to).flatMap(([key, value]): readonly (readonly [string, Json])[] => {
    const before = member(from, key);
    if (jsonEquals(before, value)) return [];
    return [[key, isJsonObject(before) && isJsonObject(value) ? mergePatchBetween(before, value) : value]];
  });
  return Object.fromEntries([...gone, ...changed]);
}

/** The leaves at which two documents differ. */
export function changedPaths(from: JsonObject, to: JsonObject, above: Path = []): readonly Path[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return keys.flatMap((key) => {
    const [before, after] = [member(from, key), member(to, key)];
    if (jsonEquals(before, after)) return [];
    const path = [...above, key];
    if (!isTree(before) && !isTree(after)) return [path];
    return changedPaths(isJsonObject(before) ? before : {}, isJsonObject(after) ? after : {}, path);
  });
}

/** The paths of every array that `patch` replaces or takes away from `from`; OpenClaw wants them named. */
export function replacedArrays(from: Json | undefined, patch: JsonObject, above: Path = []): readonly Path[] {
  return Object.entries(patch).flatMap(([key, value]) => {
    const before = member(from, key);
    const path = [...above, key];
    if (Array.isArray(before)) return [path];
    if (!isJsonObject(before)) return [];
    return isJsonObject(value) ? replacedArrays(before, value, path) : arraysIn(before, path);
  });
}

function arraysIn(document: JsonObject, above: Path): readonly Path[] {
  return Object.entries(document).flatMap(([key, value]) => {
    const path = [...above, key];
    if (Array.isArray(value)) return [path];
    return isJsonObject(value) ? arraysIn(value, path) : [];
  });
}

function withMembers(document: JsonObject, members: readonly (readonly [string, Json])[]): JsonObject {
  return Object.fromEntries([...Object.entries(document), ...members]);
}
