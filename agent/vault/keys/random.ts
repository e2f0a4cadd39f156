/** Where keys, nonces and names come from. */

/** Gives that many random bytes (`randomBytes` of node:crypto, but for tests). */
export type Random = (bytes: number) => Buffer;
