/** Whether what is managed is what is in effect. */
import { isJsonObject, type Json, type JsonObject, jsonEquals } from '@opencrane/kit/canonical-json.ts';
import { isTree, type Leaf, leavesOf, type Path, valueAt } from './paths.ts';

/** How OpenClaw spelled a managed value when it wrote it down, such as `anthropic/x` for `Anthropic/x`. */
export type Respelled = Leaf;

/** What OpenClaw's answers hold in the place of a secret. */
const REDACTED = '__OPENCLAW_REDACTED__';

/** The managed paths whose live value is not the managed one. */
export function driftOf(managed: JsonObject, live: JsonObject, respelled: readonly Respelled[]): readonly Path[] {
  return leavesOf(managed)
    .filter((leaf) => !stands(leaf, live, respelled))
    .map(({ path }) => path);
}

/** What is in effect of a managed document: its own leaves, each with its live value. Equal to it when there is no drift. */
export function project(managed: JsonObject, live: JsonObject, respelled: readonly Respelled[]): JsonObject {
  return projectBelow(managed, live, respelled, []);
}

function projectBelow(managed: JsonObject, live: JsonObject, respelled: readonly Respelled[], above: Path): JsonObject {
  const members = Object.entries(managed).flatMap(([key, value]): readonly (readonly [string, Json])[] => {
    const path = [...above, key];
    if (!isTree(value)) {
      const now = stands({ path, value }, live, respelled) ? value : valueAt(live, path);
      return now === undefined ? [] : [[key, now]];
    }
    const below = projectBelow(value, live, respelled, path);
    return Object.keys(below).length === 0 ? [] : [[key, below]];
  });
  return Object.fromEntries(members);
}

/** Whether OpenClaw's answer holds every managed value. Where it hides a secret, the answer cannot tell and is believed. */
export function answers(managed: JsonObject, answer: JsonObject, respelled: readonly Respelled[]): boolean {
  return leavesOf(managed).every((leaf) => {
    const seen = valueAt(answer, leaf.path);
    return stands(leaf, answer, respelled) || matchesRedacted(leaf.value, seen);
  });
}

function stands({ path, value }: Leaf, live: JsonObject, respelled: readonly Respelled[]): boolean {
  const now = valueAt(live, path);
  if (isJsonObject(value)) return isJsonObject(now); // an object without keys leaves its inside to the user
  if (jsonEquals(now, value)) return true;
  return respelled.some((other) => jsonEquals(other.path, path) && jsonEquals(other.value, now));
}

function matchesRedacted(wanted: Json, seen: Json | undefined): boolean {
  if (seen === REDACTED) return true;
  if (Array.isArray(wanted) && Array.isArray(seen)) {
    return wanted.length === seen.length && wanted.every((value, at) => matchesRedacted(value, seen[at]));
  }
  if (isJsonObject(wanted) && isJsonObject(seen)) {
    return Object.entries(wanted).every(([key, value]) => matchesRedacted(value, seen[key]));
  }
  return jsonEquals(wanted, seen);
}
