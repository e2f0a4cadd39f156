/**
 * Names in the tenant's bucket: which there may be, and where our things lie (docs/bucket-format.md). The same in a folder
 * and on GCS, and none leads out of a folder.
 */
import { type Digest, fromHex, hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from './bucket.ts';

/** A part is at most as long as a file name may be on Linux, a name as an object's on GCS. All characters are one byte. */
const [MAX_PART, MAX_NAME] = [255, 1024];

const part = /^[A-Za-z0-9._-]+$/;

/** Reads a name written by someone else; throws `invalid_argument`. */
export function parseObjectName(text: string): ObjectName {
  if (isObjectName(text)) return text;
  throw refusedName(text, 'is not the name of an object');
}

/** Whether a text is the name of an object. What people put beside the agent's objects may have other names. */
export function isObjectName(text: string): text is ObjectName {
  return text.length <= MAX_NAME && text.split('/').every(isPart);
}

/** Checks what names begin with, such as `vault/packs/` or `vault/manifests/00`; throws `invalid_argument`. */
export function checkPrefix(prefix: string): string {
  const whole = prefix.split('/');
  const begun = whole.pop() ?? '';
  if (prefix.length <= MAX_NAME && whole.every(isPart) && /^[A-Za-z0-9._-]*$/.test(begun)) return prefix;
  throw refusedName(prefix, 'is not the beginning of an object’s name');
}

/** Which tenant key a slot is wrapped with: 16 hex digits. */
export type KeyId = string & { readonly __brand: 'KeyId' };

/** Which manifest among those of one sequence number: 16 hex digits. */
export type ManifestId = string & { readonly __brand: 'ManifestId' };

/** Which pack: 32 hex digits. */
export type PackId = string & { readonly __brand: 'PackId' };

/** A place in the bucket. */
export type Place =
  | { readonly kind: 'bundle'; readonly digest: Digest }
  | { readonly kind: 'lease' }
  | { readonly kind: 'head' }
  | { readonly kind: 'slot'; readonly keyId: KeyId }
  | { readonly kind: 'manifest'; readonly sequence: number; readonly id: ManifestId }
  | { readonly kind: 'pack'; readonly id: PackId };

/** What the names of all places of a kind begin with. */
export const prefixes = {
  bundle: 'runtime/',
  slot: 'vault/keys/',
  manifest: 'vault/manifests/',
  pack: 'vault/packs/',
} as const;

/** Names sort as their numbers do. */
const SEQUENCE_DIGITS = 16;

/** The name of the object at a place. */
export function objectAt(place: Place): ObjectName {
  return parseObjectName(pathOf(place));
}

/** The place that a name stands for; undefined when it is none of ours. */
export function placeOf(name: ObjectName): Place | undefined {
  for (const [pattern, place] of patterns) {
    const match = pattern.exec(name);
    if (match) return place(match[1] ?? '', match[2] ?? '');
  }
  return undefined;
}

/** Reads the id of a tenant key; throws `invalid_argument`. */
export const parseKeyId = (text: string): KeyId => hexDigits(text, 16, 'a key id') as KeyId; // checked by hexDigits

/** Reads the id of a manifest; throws `invalid_argument`. */
export const parseManifestId = (text: string): ManifestId => hexDigits(text, 16, 'a manifest id') as ManifestId; // likewise

/** Reads the id of a pack; throws `invalid_argument`. */
export const parsePackId = (text: string): PackId => hexDigits(text, 32, 'a pack id') as PackId; // likewise

const patterns: readonly (readonly [RegExp, (first: string, second: string) => Place | undefined])[] = [
  [/^runtime\/([0-9a-f]{64})\.tar\.zst$/, (hex) => ({ kind: 'bundle', digest: fromHex(hex) })],
  [/^vault\/lease$/, () => ({ kind: 'lease' })],
  [/^vault\/head$/, () => ({ kind: 'head' })],
  [/^vault\/keys\/([0-9a-f]{16})\.json$/, (hex) => ({ kind: 'slot', keyId: parseKeyId(hex) })],
  [/^vault\/manifests\/([0-9]{16})-([0-9a-f]{16})$/, manifestPlace],
  [/^vault\/packs\/([0-9a-f]{32})$/, (hex) => ({ kind: 'pack', id: parsePackId(hex) })],
];

function manifestPlace(digits: string, hex: string): Place | undefined {
  const sequence = Number(digits);
  return Number.isSafeInteger(sequence) ? { kind: 'manifest', sequence, id: parseManifestId(hex) } : undefined;
}

function pathOf(place: Place): string {
  switch (place.kind) {
    case 'bundle':
      return `${prefixes.bundle}${hexOf(place.digest)}.tar.zst`;
    case 'lease':
      return 'vault/lease';
    case 'head':
      return 'vault/head';
    case 'slot':
      return `${prefixes.slot}${place.keyId}.json`;
    case 'manifest':
      return `${prefixes.manifest}${sequenceDigits(place.sequence)}-${place.id}`;
    case 'pack':
      return `${prefixes.pack}${place.id}`;
  }
}

function sequenceDigits(sequence: number): string {
  if (Number.isSafeInteger(sequence) && sequence >= 0) return String(sequence).padStart(SEQUENCE_DIGITS, '0');
  throw new OpenCraneError('invalid_argument', 'sequence_invalid', `${sequence} is not the number of a snapshot`);
}

function hexDigits(text: string, digits: number, what: string): string {
  if (text.length === digits && /^[0-9a-f]+$/.test(text)) return text;
  throw new OpenCraneError('invalid_argument', 'id_malformed', `${JSON.stringify(text.slice(0, 100))} is not ${what}`, {
    mend: `write it as ${digits} hex digits in lower case`,
  });
}

function isPart(text: string): boolean {
  return part.test(text) && text !== '.' && text !== '..' && text.length <= MAX_PART;
}

function refusedName(text: string, why: string): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'object_name_invalid', `${JSON.stringify(text.slice(0, 200))} ${why}`, {
    mend: 'use parts of letters, digits, ".", "_" and "-", none of them "." or "..", joined by "/"',
  });
}
