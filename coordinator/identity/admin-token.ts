/** The one token of the embedded mode's admin plane: whoever can read its file may do everything. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { AdminAuthenticator, AdminCaller } from '../admin/ports.ts';
import { readOrCreateSecret } from './secret-file.ts';

/** Checks callers against the token in a file. */
export class AdminToken implements AdminAuthenticator {
  readonly #digest: Buffer;
  readonly #path: string;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#digest = sha256(token);
  }

  /** Opens the token's file, or makes it at the first start. `make` gives a new random token. */
  static async open(path: string, make: () => string): Promise<AdminToken> {
    return new AdminToken(path, await readOrCreateSecret(path, make));
  }

  async authenticate(header: string | null): Promise<AdminCaller> {
    const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) throw this.#refuse('token_missing', 'the request has no bearer token');
    // Digests have one length, so the comparison tells nothing about the token.
    if (!timingSafeEqual(sha256(token), this.#digest))
      throw this.#refuse('token_wrong', 'the bearer token is not the admin token');
    return { actor: 'admin' };
  }

  #refuse(reason: string, what: string): OpenCraneError {
    return new OpenCraneError('unauthenticated', reason, `signing in: ${what}`, {
      field: 'authorization',
      mend: `send "Authorization: Bearer TOKEN" with the token in ${this.#path}`,
    });
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
