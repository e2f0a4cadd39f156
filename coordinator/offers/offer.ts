/** Desired state of one kind as it goes to agents: encoded once, however many receive it. */
import type { Digest } from '@opencrane/kit/digest.ts';
import type { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import type { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** An offer that is ready to be sent. Two tenants with the same layers share one object. */
export type PreparedOffer = {
  readonly kind: Kind;
  readonly revision: bigint;
  readonly digest: Digest;
  /** Changes when a digest that failed is to be tried again. */
  readonly nonce: string;
  /** A ConnectResponse holding the Offer. */
  readonly message: Encoded;
};
