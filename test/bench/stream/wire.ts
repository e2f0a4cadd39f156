/** The bytes that every variant exchanges, made once: real messages of the contract, in gRPC's framing. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { digestOf } from '@opencrane/kit/digest.ts';
import {
  ConnectRequestSchema,
  type ConnectResponse,
  ConnectResponseSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** Size of the config that is pushed. */
const CONFIG_BYTES = 2_048;

/** Length of receipt ids here; they end their messages, so they can be written and read in place. */
export const ID_BYTES = 16;

/** Where the sequence number stands in a framed request; below 128 it is one byte. */
export const SEQUENCE_AT = 6;

/** First byte of each response, which tells what it is. */
export const tags = { welcome: 0x0a, offer: 0x12, receiptStored: 0x3a } as const;

/** A message in gRPC's frame: a flag, four bytes of length, the message. */
export function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([header, message]);
}

/** A tenant's name; all are of one length, so that one can be written over another. */
export function tenantOf(index: number): string {
  return `tenant-${String(index).padStart(6, '0')}`;
}

/** The hello of a tenant that serves the `push`th push, or what was there before any. */
export function helloOf(tenant: string, push: number | undefined): Buffer {
  const { revision, digest } = push === undefined ? { revision: 1n, digest: digestOf('before') } : pushed(push);
  const kinds = [{ kind: Kind.CONFIG, servingRevision: revision, servingDigest: digest }];
  const value = { tenant, instanceId: 'bench-agent', agentVersion: '0.1.0', protocolVersion: 1, kinds };
  return request({ case: 'hello', value: { ...value, capabilities: [Kind.CONFIG, Kind.RUNTIME] } });
}

/** Revision, digest and content of the `push`th push. */
export function pushed(push: number) {
  const document = Buffer.from(JSON.stringify({ push, padding: 'x'.repeat(CONFIG_BYTES) }).slice(0, CONFIG_BYTES));
  return { kind: Kind.CONFIG, revision: BigInt(push + 10), digest: digestOf(document), nonce: 'bench', document };
}

/** The response that carries the `push`th push. */
export function offerOf(push: number): ConnectResponse {
  const { document, ...offer } = pushed(push);
  return create(ConnectResponseSchema, {
    message: { case: 'offer', value: { ...offer, payload: { case: 'config', value: { document } } } },
  });
}

/** What an agent answers to the `push`th push: two receipts, whose sequence and id are still to be written. */
export function receiptsOf(push: number): readonly [applying: Buffer, applied: Buffer] {
  const { kind, revision, digest, nonce } = pushed(push);
  const receipt = { kind, revision, digest, nonce, atMillis: 1_790_000_000_000n, receiptId: '0'.repeat(ID_BYTES) };
  const serving = { servingRevision: revision, servingDigest: digest, effect: 'hot' };
  return [
    request({ case: 'receipt', value: { ...receipt, state: ReceiptState.APPLYING } }),
    request({ case: 'receipt', value: { ...receipt, ...serving, state: ReceiptState.APPLIED } }),
  ];
}

/** The plain servers' welcome, and their ReceiptStored, whose id is still to be written. */
export const plainResponses = {
  welcome: toBinary(
    ConnectResponseSchema,
    create(ConnectResponseSchema, {
      message: { case: 'welcome', value: { sessionId: 's'.repeat(20), heartbeatIntervalMillis: 15_000n } },
    }),
  ),
  receiptStored: toBinary(
    ConnectResponseSchema,
    create(ConnectResponseSchema, { message: { case: 'receiptStored', value: { receiptId: '0'.repeat(ID_BYTES) } } }),
  ),
};

function request(message: MessageInitShape<typeof ConnectRequestSchema>['message'] & object): Buffer {
  return framed(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { sequence: 1n, message })));
}
