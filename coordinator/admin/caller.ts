/** Who calls, as services see it. */
import { type ContextValues, createContextKey } from '@connectrpc/connect';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { AdminCaller } from './ports.ts';

/** Where the authentication leaves the caller. */
export const callerKey = createContextKey<AdminCaller | undefined>(undefined, { description: 'who calls' });

/** The caller's name for the audit log. A request that came around the authentication is refused, not served as nobody. */
export function actorOf({ values }: { readonly values: ContextValues }): string {
  const caller = values.get(callerKey);
  if (caller) return caller.actor;
  throw new OpenCraneError('unauthenticated', 'caller_unknown', 'the request was not authenticated');
}
