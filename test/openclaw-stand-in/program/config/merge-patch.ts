/** JSON merge patches as OpenClaw applies them: lists of things with an id are merged by it, others must not lose entries unasked. */
import { isEqual, isObject, type Json, type JsonObject } from '../json.ts';

/** What became of a document, and the lists that would have lost entries without leave. */
export type Patched = { readonly document: JsonObject; readonly wouldRemove: readonly string[] };

/** Lays a patch over a document. Lists at `replacePaths` are replaced. */
export function applyPatch(document: JsonObject, patch: JsonObject, replacePaths: readonly string[]): Patched {
  const wouldRemove: string[] = [];
  const mayRemove = (path: string) => {
    if (!replacePaths.includes(path)) wouldRemove.push(path);
  };
  const merged = mergeObject(document, patch, '', { replacePaths, mayRemove });
  return { document: merged, wouldRemove };
}

type Leave = { readonly replacePaths: readonly string[]; readonly mayRemove: (path: string) => void };

function mergeObject(base: JsonObject, patch: JsonObject, path: string, leave: Leave): JsonObject {
  const merged: Record<string, Json> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const here = path === '' ? key : `${path}.${key}`;
    if (value === null) {
      for (const list of listsIn(base[key], here)) leave.mayRemove(list);
      delete merged[key];
    } else merged[key] = mergeValue(base[key], value, here, leave);
  }
  return merged;
}

function mergeValue(before: Json | undefined, value: Json, path: string, leave: Leave): Json {
  if (isObject(value)) return mergeObject(isObject(before) ? before : {}, value, path, leave);
  return Array.isArray(value) && Array.isArray(before) ? mergeList(before, value, path, leave) : value;
}

function mergeList(before: readonly Json[], after: readonly Json[], path: string, leave: Leave): readonly Json[] {
  if (leave.replacePaths.includes(path)) return after;
  if (before.length > 0 && [...before, ...after].every((each) => idOf(each) !== undefined)) {
    const kept = before.map((each) => after.find((other) => idOf(other) === idOf(each)) ?? each);
    return [...kept, ...after.filter((each) => !before.some((other) => idOf(other) === idOf(each)))];
  }
  if (before.some((each) => !after.some((other) => isEqual(each, other)))) leave.mayRemove(path);
  return after;
}

function idOf(value: Json): string | undefined {
  const id = isObject(value) ? value['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function listsIn(value: Json | undefined, path: string): string[] {
  if (Array.isArray(value)) return value.length > 0 ? [path] : [];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => listsIn(inner, `${path}.${key}`));
}

/** The dotted paths at which two documents differ: as deep as both have objects. */
export function changedPaths(before: Json | undefined, after: Json | undefined, path = ''): string[] {
  if (isEqual(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changedPaths(before[key], after[key], path === '' ? key : `${path}.${key}`));
}
