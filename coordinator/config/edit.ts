/** What a request changes of a layer, read and checked before any transaction begins. */
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Json, JsonObject } from '@opencrane/kit/canonical-json.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { setKey, unsetKey } from './document.ts';
import { formatPath, type Path, parsePath } from './path.ts';

/** A change of a layer's document. */
export type Edit = {
  readonly apply: (document: JsonObject) => JsonObject;
  /** For the audit log: paths, never values, which may be secrets. */
  readonly summary: string;
  readonly action: 'config.update' | 'config.replace';
};

type Assignment = { readonly path: string; readonly value?: Value | undefined };

/** Longest summary; a change of a thousand keys need not list them all. */
const MAX_SUMMARY = 500;

/** Reads what to set and what to unset. What is unset goes first, so that a key can be replaced by keys below it. */
export function readEdit(set: readonly Assignment[], unset: readonly string[]): Edit {
  const removals = unset.map((text, index) => parsePath(text, `unset[${index}]`));
  const assignments = set.map(({ path, value }, index) => ({
    field: `set[${index}]`,
    path: parsePath(path, `set[${index}].path`),
    value: readValue(value, `set[${index}].value`),
  }));
  if (removals.length === 0 && assignments.length === 0) {
    throw new OpenCraneError('invalid_argument', 'edit_empty', 'the request changes nothing', {
      mend: 'name at least one path to set or to unset',
    });
  }
  return {
    apply: (document) =>
      assignments.reduce(
        (made, { path, value, field }) => setKey(made, path, value, `${field}.path`),
        removals.reduce(unsetKey, document),
      ),
    summary: [
      ...listed(
        'set',
        assignments.map(({ path }) => path),
      ),
      ...listed('unset', removals),
    ].join('; '),
    action: 'config.update',
  };
}

function listed(verb: string, paths: readonly Path[]): string[] {
  if (paths.length === 0) return [];
  const text = `${verb} ${paths.map(formatPath).join(', ')}`;
  return [text.length <= MAX_SUMMARY ? text : `${text.slice(0, MAX_SUMMARY)}… (${paths.length} keys)`];
}

function readValue(value: Value | undefined, field: string): Json {
  try {
    if (value === undefined) throw new Error('there is none');
    const json: JsonValue = toJson(ValueSchema, value);
    return json;
  } catch (cause) {
    throw new OpenCraneError('invalid_argument', 'value_malformed', `the value is not JSON: ${messageOf(cause)}`, {
      field,
      cause,
      mend: 'send a JSON value; to take a key away from outer layers send null',
    });
  }
}
