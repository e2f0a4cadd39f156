/** What the loop reads in an offer, and keeps of one that serves. */
import { parseDigest } from '@opencrane/kit/digest.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { AppliedKind, Offered } from './decide.ts';

const kinds = { runtime: Kind.RUNTIME, config: Kind.CONFIG } as const satisfies Record<AppliedKind, Kind>;

/** Every kind that the agent applies, in the order in which they are applied. */
export const appliedKinds = ['runtime', 'config'] as const satisfies readonly AppliedKind[];

/** The kind as it is on the wire. */
export function wireKindOf(kind: AppliedKind): Kind {
  return kinds[kind];
}

/** The kind of an offer; undefined for one that this agent cannot apply. */
export function appliedKindOf(kind: Kind): AppliedKind | undefined {
  return appliedKinds.find((each) => kinds[each] === kind);
}

/** What a decision needs of an offer. */
export function offeredOf({ revision, digest, nonce }: Offer): Offered {
  return { revision, digest: parseDigest(digest), nonce };
}

/** What the record keeps of an offer that serves. */
export function servingOf(offer: Offer) {
  const { revision, digest } = offeredOf(offer);
  if (offer.payload.case !== 'runtime') return { revision, digest };
  const { version, bundleDigest, bundleBytes, pinnedBy, pinnedAt, pinReason } = offer.payload.value;
  const pin = { by: pinnedBy, at: pinnedAt, reason: pinReason };
  return { revision, digest, version, bundleDigest: parseDigest(bundleDigest), bundleBytes: Number(bundleBytes), pin };
}
