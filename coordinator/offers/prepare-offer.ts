/** Makes an offer ready to be sent. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Digest, digestOf, hexOf } from '@opencrane/kit/digest.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { ConnectResponseSchema, type OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { PreparedOffer } from './offer.ts';

type Payload = NonNullable<MessageInitShape<typeof OfferSchema>['payload']>;

/** Hex digits of a nonce; it only has to differ from the one before. */
const NONCE_LENGTH = 16;

/** Encodes an offer. A new revision of a digest that failed is an order to try it again: somebody wrote it down once more. */
export function prepareOffer(kind: Kind, revision: bigint, digest: Digest, payload: Payload): PreparedOffer {
  const nonce = hexOf(digestOf(`${digest} ${revision}`)).slice(0, NONCE_LENGTH);
  const value = { kind, revision, digest, nonce, payload };
  const message = create(ConnectResponseSchema, { message: { case: 'offer', value } });
  return { kind, revision, digest, nonce, message: Encoded.from(ConnectResponseSchema, message) };
}
