/** What a RUNTIME revision says. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { z } from 'zod';
import type { Revision } from '../revisions/revision-store.ts';

const schema = z.object({
  /** Exact version; empty when the revision only takes a pin away. */
  version: z.string(),
  pinned: z.boolean(),
  restoreKeptState: z.boolean(),
});

/** The payload. */
export type RuntimeWish = z.infer<typeof schema>;

/** Reads the payload of a revision. */
export function readWish(revision: Pick<Revision, 'payload'>): RuntimeWish {
  return schema.parse(revision.payload);
}

/** The payload to write. */
export function toPayload(wish: RuntimeWish): JsonObject {
  return { ...wish };
}

/** What a tenant should run, and which revision says so. */
export type Decision = { readonly wish: RuntimeWish; readonly by: Revision; readonly revision: number };

/**
 * Decides among the newest revisions of a tenant's scopes, outermost first: the nearest pin wins; where nothing is
 * pinned, the tenant's own version. The revision is the highest of all, so that it never falls.
 */
export function decideRuntime(newest: readonly Revision[]): Decision | undefined {
  const revision = Math.max(0, ...newest.map(({ number }) => number));
  const wishes = newest.map((by) => ({ by, wish: readWish(by) }));
  const nearestPin = wishes.findLast(({ wish }) => wish.pinned);
  const own = wishes.findLast(({ by, wish }) => by.scope.kind === 'tenant' && wish.version !== '');
  const decided = nearestPin ?? own;
  return decided && { ...decided, revision };
}
