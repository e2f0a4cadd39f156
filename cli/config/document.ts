/** Configuration documents as people look at them: one value per path. Pure. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** One value and where it stands. */
export type Leaf = { readonly path: string; readonly value: JsonValue };

/** A path whose value differs between two documents; `undefined` on the side that lacks it. */
export type Difference = {
  readonly path: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
};

/** A key that needs no quotes in a path. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/** A key in a path: after a dot, or a JSON string in brackets. */
const KEY = /\.?([^.[\]"'\s]+)|\["((?:[^"\\]|\\.)*)"\]/y;

/** The values of a document in the order of its keys. Lists and empty sections are values. */
export function leavesOf(document: JsonObject, above = ''): Leaf[] {
  return Object.entries(document).flatMap(([key, value]) => {
    const path = PLAIN.test(key) ? (above === '' ? key : `${above}.${key}`) : `${above}[${JSON.stringify(key)}]`;
    return isObject(value) && Object.keys(value).length > 0 ? leavesOf(value, path) : [{ path, value }];
  });
}

/** What stands at a path such as `agents.defaults.model`; undefined when nothing does. */
export function valueAt(document: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const key of keysOf(path)) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** What it takes to come from one document to the other, by path. */
export function differences(before: JsonObject, after: JsonObject): Difference[] {
  const [left, right] = [before, after].map(
    (document) => new Map(leavesOf(document).map(({ path, value }) => [path, value])),
  );
  const paths = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].toSorted();
  return paths
    .map((path) => ({ path, before: left?.get(path), after: right?.get(path) }))
    .filter((each) => JSON.stringify(each.before) !== JSON.stringify(each.after));
}

function keysOf(path: string): string[] {
  const keys: string[] = [];
  KEY.lastIndex = 0;
  while (KEY.lastIndex < path.length) {
    const at = KEY.lastIndex;
    const found = KEY.exec(path);
    if (found === null) {
      throw new OpenCraneError(
        'invalid_argument',
        'path_malformed',
        `"${path}" is not a path: it ends to make sense at character ${at + 1}`,
        {
          field: 'key',
          mend: 'write it as agents.defaults.model, and keys with dots as models.providers["my.provider"].baseUrl',
        },
      );
    }
    keys.push(found[1] ?? String(JSON.parse(`"${found[2]}"`)));
  }
  return keys;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
