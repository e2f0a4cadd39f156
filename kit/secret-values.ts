/**
 * Which values of an OpenClaw configuration are secrets, told by where they stand, so that none is shown.
 *
 * OpenClaw's schema marks them by what else may stand there: a reference `{source, provider, id}`. In that of 2026.9.6
 * these are 133 places; each has one of the names below (test/end-to-end/secret-places.test.ts holds the list to the
 * schema of the version that is tested with). Names catch plugins and variables, too, which no schema knows.
 */
import { isJsonObject, type Json, type JsonObject } from './canonical-json.ts';

/** A value that is a secret, and where it stands: keys and places in lists from the root down. */
export type SecretValue = {
  readonly path: readonly string[];
  /** As a text, however it was written. */
  readonly value: string;
  readonly written: string | number;
};

/** What stands in the place of a secret in texts. */
const hiddenSecret = '(secret)';

/** Names of keys whose value is a secret. `maxTokens` is none: no plural. */
const names =
  /(token|password|passphrase|secret|api_?key|access_?key|private_?key|signing_?key|encrypt_?key|credentials?|service_?account|authorization|cookie|authtag|(identity|certificate|knownhosts)data)$/i;

/** Names of keys whose members are secrets, whatever they are called. */
const holders = /^(headers|edgeauth)$/i;

/** Keys that are secrets below a key of this name. */
const below: readonly (readonly [parent: RegExp, key: RegExp])[] = [
  [/^auth$/i, /^value$/i],
  [/^tls$/i, /^(ca|cert|key)$/i],
];

/** The shortest secret that is looked for in texts; a shorter one would be found in any. */
const SHORTEST_SOUGHT = 4;

/** Whether what stands at a path is a secret. */
export function isSecretPlace(path: readonly string[]): boolean {
  const keys = path.filter((key) => !/^\d+$/.test(key));
  const [parent = '', key = ''] = keys.length > 1 ? keys.slice(-2) : ['', keys[0]];
  return names.test(key) || holders.test(parent) || below.some(([above, name]) => above.test(parent) && name.test(key));
}

/** The document with every secret replaced. A reference to a secret is none. */
export function mapSecrets(document: JsonObject, replace: (secret: SecretValue) => Json): JsonObject {
  const mapped = mapBelow(document, [], replace);
  return isJsonObject(mapped) ? mapped : {};
}

/** The secrets of a document. */
export function secretsOf(document: JsonObject): readonly SecretValue[] {
  const found: SecretValue[] = [];
  mapSecrets(document, (secret) => {
    found.push(secret);
    return null;
  });
  return found;
}

/** A text without the secrets of a document that it may quote. */
export function withoutSecrets(text: string, document: JsonObject): string {
  return secretsOf(document)
    .map(({ value }) => value)
    .filter((value) => value.length >= SHORTEST_SOUGHT)
    .toSorted((a, b) => b.length - a.length) // one may be the beginning of another
    .reduce((shown, value) => shown.replaceAll(value, hiddenSecret), text);
}

function mapBelow(value: Json, path: readonly string[], replace: (secret: SecretValue) => Json): Json {
  if (isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, mapBelow(child, [...path, key], replace)]),
    );
  }
  if (Array.isArray(value)) return value.map((child, at) => mapBelow(child, [...path, String(at)], replace));
  if ((typeof value !== 'string' && typeof value !== 'number') || !isSecretPlace(path)) return value;
  const text = String(value);
  return text === '' || isReference(text) ? value : replace({ path, value: text, written: value });
}

/** `${NAME}`: OpenClaw puts the variable's value there. */
function isReference(text: string): boolean {
  return /^\$\{[A-Z_][A-Z0-9_]*\}$/.test(text);
}
