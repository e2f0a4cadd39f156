/** The agent's token in a call's metadata. */
import type { Metadata } from '@grpc/grpc-js';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** The bearer token of a call; throws `unauthenticated` when there is none. */
export function bearerToken(metadata: Metadata): string {
  const [header] = metadata.get('authorization');
  const token = typeof header === 'string' ? /^Bearer ([\x21-\x7e]+)$/i.exec(header)?.[1] : undefined;
  if (token !== undefined) return token;
  throw new OpenCraneError('unauthenticated', 'token_missing', 'an agent called without a bearer token', {
    field: 'authorization',
    mend: 'send the tenant’s token as "authorization: Bearer TOKEN"',
  });
}
