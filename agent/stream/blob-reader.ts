/** Reads blobs from the coordinator, on connections of their own: a download must not stand in the stream's way, nor end with it. */
import { create } from '@bufbuild/protobuf';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import { AgentService, ReadBlobRequestSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { connected, type Dialed, type DialOptions, dial } from './dial.ts';

/** A piece of a blob, in order from the offset that was asked for. */
export type BlobPiece = { readonly data: Uint8Array; readonly totalBytes: number };

/** What the coordinator may send ahead of us; the standard's 64 KiB make a round trip of every quarter of a piece. */
const WINDOW_BYTES = 4 * 1024 * 1024;

const method = grpcMethod(AgentService.method.readBlob);

/** The blob's bytes from `offset` on. Throws `unavailable` when the connection is cut, `not_found` when there is none. */
export async function* readBlob(
  options: DialOptions,
  digest: string,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<BlobPiece> {
  signal.throwIfAborted();
  const dialed = await dial(options, { 'grpc-node.flow_control_window': WINDOW_BYTES });
  try {
    await connected(dialed, 'a blob', signal);
    yield* pieces(dialed, digest, offset, signal);
  } finally {
    dialed.client.close();
  }
}

async function* pieces({ client, metadata }: Dialed, digest: string, offset: number, signal: AbortSignal) {
  const request = create(ReadBlobRequestSchema, { digest, offset: BigInt(offset) });
  const { path, requestSerialize, responseDeserialize } = method;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  const onAbort = () => call.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  call.on('error', () => {}); // one that comes after we stopped reading is nobody's
  try {
    for await (const { data, totalBytes } of call) yield { data, totalBytes: Number(totalBytes) };
  } catch (cause) {
    signal.throwIfAborted();
    throw fromGrpcError(cause);
  } finally {
    signal.removeEventListener('abort', onAbort);
    call.cancel();
  }
}
