/** Paths into a configuration document, and what lies at them. */
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';

/** Keys from the root down. */
export type Path = readonly string[];

/** A value that is not taken apart: a scalar, an array, or an object without keys. */
export type Leaf = { readonly path: Path; readonly value: Json };

/** Whether a value is taken apart: an object with keys. */
export function isTree(value: Json | undefined): value is JsonObject {
  return isJsonObject(value) && Object.keys(value).length > 0;
}

/** Every leaf of a document, in the document's order. */
export function leavesOf(document: JsonObject, above: Path = []): readonly Leaf[] {
  return Object.entries(document).flatMap(([key, value]): readonly Leaf[] => {
    const path = [...above, key];
    return isTree(value) ? leavesOf(value, path) : [{ path, value }];
  });
}

/** What is at a path; undefined when nothing is. */
export function valueAt(document: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>((value, key) => member(value, key), document);
}

/** A member of an object; undefined for whatever an object inherits, and for what is not an object. */
export function member(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A path as a person writes it: `models.providers["my.provider"].baseUrl`. */
export function formatPath(path: Path): string {
  return path
    .map((key, at) => (/^[A-Za-z0-9_$-]+$/.test(key) ? `${at === 0 ? '' : '.'}${key}` : `[${JSON.stringify(key)}]`))
    .join('');
}
