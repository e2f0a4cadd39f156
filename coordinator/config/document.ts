/** A layer's document: what it may hold, and changing keys of it. */
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { isKeptNumber, numberLost } from '@opencrane/kit/exact-json.ts';
import { formatPath, type Path, refuseForbidden } from './path.ts';

/** Most bytes of a layer's document as canonical JSON. OpenClaw's own is a few KiB; every agent gets the merged one whole. */
const MAX_DOCUMENT_BYTES = 1024 * 1024;

/** Most objects and lists within each other; deeper ones are an accident or an attack on those who walk them. */
const MAX_DEPTH = 64;

/** Checks a document that someone sent: its keys, its depth, its size. Throws `invalid_argument` or `resource_exhausted`. */
export function checkDocument(document: JsonObject, field: string): void {
  checkValue(document, field, 0);
  const bytes = Buffer.byteLength(canonicalJson(document));
  if (bytes <= MAX_DOCUMENT_BYTES) return;
  throw new OpenCraneError(
    'resource_exhausted',
    'config_too_large',
    `the document has ${bytes} bytes; a layer holds at most ${MAX_DOCUMENT_BYTES}`,
    { field, mend: 'leave large content out of the configuration: refer to a file or a skill instead' },
  );
}

/** The document with one key set. Throws `invalid_argument` when the path leads through something that is no object. */
export function setKey(document: JsonObject, path: Path, value: Json, field: string): JsonObject {
  return setBelow(document, path, value, [], field);
}

/** The document without one key; objects that it leaves empty go too. A key that is not there changes nothing. */
export function unsetKey(document: JsonObject, [key, ...rest]: readonly string[]): JsonObject {
  if (key === undefined || !Object.hasOwn(document, key)) return document;
  const child = document[key];
  if (rest.length > 0 && !isJsonObject(child)) return document;
  const { [key]: _removed, ...others } = document;
  if (rest.length === 0 || !isJsonObject(child)) return others;
  const below = unsetKey(child, rest);
  return below !== child && Object.keys(below).length === 0 ? others : { ...document, [key]: below };
}

function setBelow(
  document: JsonObject,
  [key, ...rest]: readonly string[],
  value: Json,
  above: readonly string[],
  field: string,
): JsonObject {
  if (key === undefined) return document; // never: a path has a key, and the recursion ends at the last one
  if (rest.length === 0) return { ...document, [key]: value };
  const here = [...above, key];
  const child = Object.hasOwn(document, key) ? document[key] : {};
  if (!isJsonObject(child)) throw inTheWay(here, child, field);
  return { ...document, [key]: setBelow(child, rest, value, here, field) };
}

function inTheWay(path: readonly string[], value: Json | undefined, field: string): OpenCraneError {
  const where = formatPath(path);
  const what = Array.isArray(value) ? 'a list, which is set whole' : `${kindOf(value)}, not an object`; // not the value: it may be a secret
  return new OpenCraneError('invalid_argument', 'path_blocked', `${where} of this layer is ${what}`, {
    field,
    mend: `set ${where} itself, or unset it first`,
  });
}

function kindOf(value: Json | undefined): string {
  return value === null || value === undefined ? 'null' : `a ${typeof value}`;
}

function checkValue(value: Json | undefined, field: string, depth: number): void {
  // Whoever sent it as JSON has lost its last digits already, and would not be told by anybody else.
  if (typeof value === 'number' && !isKeptNumber(value)) throw numberLost(String(value), value, field);
  if (value === null || typeof value !== 'object') return;
  if (depth > MAX_DEPTH) {
    throw new OpenCraneError(
      'invalid_argument',
      'config_too_deep',
      `the document nests more than ${MAX_DEPTH} levels`,
      {
        field,
        mend: 'flatten it',
      },
    );
  }
  // A "__proto__" in a request becomes the object's prototype when it is decoded, and is no key any more.
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) refuseForbidden('__proto__', field);
  for (const [key, child] of Object.entries(value)) {
    if (!Array.isArray(value)) refuseForbidden(key, field);
    checkValue(child, field, depth + 1);
  }
}
