/** The tenant's key: 32 bytes that open the vault, and nothing else does. */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { type KeyId, parseKeyId } from '../../bucket/layout.ts';

/** A tenant key. The secret is in a KeyObject, which prints and serialises as nothing. */
export type TenantKey = { readonly id: KeyId; readonly secret: KeyObject };

/** Reads a key file; the error never repeats what it holds. */
export async function readTenantKey(path: string): Promise<TenantKey> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (cause) {
    throw new OpenCraneError('failed_precondition', 'key_unreadable', `reading the tenant key: ${messageOf(cause)}`, {
      field: path,
      mend: 'check that the file exists and that this user may read it',
      cause,
    });
  }
  return parseTenantKey(text, path);
}

/** A tenant key from the text of a key file: 64 hex digits and perhaps a line break. */
export function parseTenantKey(text: string, field: string): TenantKey {
  const digits = text.trim();
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) {
    throw new OpenCraneError(
      'invalid_argument',
      'key_malformed',
      `a tenant key is 64 hex digits; this one is ${digits.length} characters long`,
      { field, mend: 'use the key file that this vault was made with' },
    );
  }
  const secret = createSecretKey(Buffer.from(digits, 'hex'));
  return { id: parseKeyId(derive(secret, Buffer.alloc(0), 'opencrane/key-id/1').toString('hex').slice(0, 16)), secret };
}

/** 32 bytes derived from a key by HKDF-SHA-256 (RFC 5869). */
export function derive(key: KeyObject, salt: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}
