/** Sends an archive to the coordinator, on a connection of its own and at the pace of whoever asked for it. */
import { create } from '@bufbuild/protobuf';
import type { ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import {
  AgentService,
  type SendArchiveRequest,
  SendArchiveRequestSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { connected, type Dialed, type DialOptions, dial } from './dial.ts';

/** Most bytes in one message; the contract's. */
const PIECE_BYTES = 256 * 1024;

const method = grpcMethod(AgentService.method.sendArchive);

/**
 * Resolves when whoever asked has taken everything. Throws `aborted` when nobody waits for it any more, `unavailable`
 * when the connection is cut, and what the pieces throw; each ends the pieces.
 */
export async function sendArchive(
  options: DialOptions,
  commandId: string,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw givenUp(signal);
  const dialed = await dial(options);
  try {
    await connected(dialed, 'an archive', signal);
    const sending = new Sending(dialed, commandId);
    const onAbort = () => sending.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await sending.send(pieces);
    } catch (cause) {
      if (signal.aborted) throw givenUp(signal);
      throw sending.refused === cause ? fromGrpcError(cause) : cause;
    } finally {
      signal.removeEventListener('abort', onAbort);
      sending.cancel();
    }
  } finally {
    dialed.client.close();
  }
}

function givenUp({ reason }: AbortSignal): OpenCraneError {
  return new OpenCraneError('cancelled', 'cancelled', `sending an archive: ${messageOf(reason)}`, { cause: reason });
}

/** One call. */
class Sending {
  readonly #call: ClientWritableStream<SendArchiveRequest | Encoded>;
  readonly #commandId: string;
  readonly #over = Promise.withResolvers<void>();
  /** Why the coordinator ended the call before everything was taken. */
  refused: ServiceError | undefined;
  /** Rejects the piece that is on its way. */
  #drop: (why: ServiceError) => void = () => {};

  constructor({ client, metadata }: Dialed, commandId: string) {
    const { path, requestSerialize, responseDeserialize } = method;
    this.#commandId = commandId;
    this.#over.promise.catch(() => {}); // the piece on its way tells it as well
    this.#call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, metadata, (cause) => {
      if (cause === null) return this.#over.resolve();
      this.refused = cause;
      this.#over.reject(cause);
      this.#drop(cause);
    });
    this.#call.on('error', () => {}); // the answer says what went wrong
  }

  async send(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#piece(new Uint8Array()); // names the command: who is not wanted is told before anything is read
    for await (const piece of pieces) {
      for (let at = 0; at < piece.byteLength; at += PIECE_BYTES) {
        await this.#piece(piece.subarray(at, at + PIECE_BYTES));
      }
    }
    this.#call.end();
    await this.#over.promise;
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Resolves when the network has taken it; rejects when the call is over before that. */
  #piece(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.refused !== undefined) return reject(this.refused);
      this.#drop = reject;
      this.#call.write(create(SendArchiveRequestSchema, { commandId: this.#commandId, data }), () => resolve());
    });
  }
}
