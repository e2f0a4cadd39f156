/** Names of content: `sha256:` and 64 hex digits. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { canonicalJson, type Json } from './canonical-json.ts';
import { OpenCraneError } from './errors.ts';

/** The digest of some content. */
export type Digest = `sha256:${string}` & { readonly __brand: 'Digest' };

const pattern = /^sha256:[0-9a-f]{64}$/;

/** Reads a digest written by someone else; throws `invalid_argument`. */
export function parseDigest(text: string, field = 'digest'): Digest {
  if (pattern.test(text)) return text as Digest; // checked by the pattern on this line
  throw new OpenCraneError('invalid_argument', 'digest_malformed', `"${text.slice(0, 100)}" is not a digest`, {
    field,
    mend: 'write it as sha256: and 64 hex digits',
  });
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return fromHex(createHash('sha256').update(bytes).digest('hex'));
}

/** The digest of a JSON document, whatever the order of its keys. */
export function digestOfJson(document: Json): Digest {
  return digestOf(canonicalJson(document));
}

/** The digest of a file, read as a stream. */
export async function digestOfFile(path: string, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return fromHex(hash.digest('hex'));
}

/** The digest's 64 hex digits, for use as a file name. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** A digest from 64 hex digits that a hash function gave. */
export function fromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}
