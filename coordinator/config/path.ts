/**
 * Paths of configuration keys: `agents.defaults.model`, `models.providers["my.provider"].baseUrl`.
 * A path names keys of objects only; a list is one value and is set whole.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** The keys from the document's root down; never empty. */
export type Path = readonly [string, ...string[]];

/** A key that needs no quotes when it is written. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/** A key that is read without quotes: anything but what has a meaning in a path. */
const BARE = /[^.[\]"'\s]+/y;

/** A JSON string in brackets. */
const QUOTED = /\["((?:[^"\\]|\\.)*)"\]/y;

/** Keys that JavaScript gives a meaning of its own; a document that holds one is refused. */
const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads a path; throws `invalid_argument` that says at which character it stops to make sense. */
export function parsePath(text: string, field = 'path'): Path {
  const keys: string[] = [];
  let at = 0;
  while (at < text.length) {
    const dot = text[at] === '.' && keys.length > 0 ? 1 : 0;
    const key = (dot === 0 && matchAt(QUOTED, text, at)) || ((dot === 1 || at === 0) && matchAt(BARE, text, at + dot));
    if (!key) throw malformed(text, at + dot, field);
    keys.push(key.quoted ? unquote(text, key, field) : key.text);
    at = key.end;
  }
  const [first, ...rest] = keys;
  if (first === undefined) throw malformed(text, 0, field);
  for (const key of keys) refuseForbidden(key, field);
  return [first, ...rest];
}

/** Writes a path so that `parsePath` reads the same keys. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((key, index) => (PLAIN.test(key) ? `${index > 0 ? '.' : ''}${key}` : `[${JSON.stringify(key)}]`))
    .join('');
}

/** Throws `invalid_argument` for a key that no document may hold. */
export function refuseForbidden(key: string, field: string): void {
  if (!forbidden.has(key)) return;
  throw new OpenCraneError('invalid_argument', 'key_forbidden', `"${key}" is not a name that a key may have`, {
    field,
    mend: 'take the key away',
  });
}

type Match = { readonly text: string; readonly end: number; readonly quoted: boolean };

function matchAt(pattern: RegExp, text: string, at: number): Match | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found ? { text: found[1] ?? found[0], end: pattern.lastIndex, quoted: pattern === QUOTED } : undefined;
}

function unquote(text: string, { text: inner, end }: Match, field: string): string {
  try {
    return JSON.parse(`"${inner}"`);
  } catch {
    throw malformed(text, end - inner.length - 2, field);
  }
}

function malformed(text: string, at: number, field: string): OpenCraneError {
  const isIndex = /^\[\d+\]/.test(text.slice(at));
  const what =
    text.length === 0 ? 'an empty path' : `"${text.slice(0, 200)}" is not a path, from character ${at + 1} on`;
  return new OpenCraneError('invalid_argument', 'path_malformed', what, {
    field,
    mend: isIndex
      ? 'a list is one value: name the list and set it whole'
      : 'write keys with dots between them, and keys with other characters as ["my.key"]',
  });
}
