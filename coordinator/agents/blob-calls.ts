/** ReadBlob: sends a blob from an offset on, in small pieces, each one when the one before has left. */
import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '@opencrane/kit/clock.ts';
import { parseDigest } from '@opencrane/kit/digest.ts';
import { isAbort } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import { toGrpcStatus } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import {
  ReadBlobRequestSchema,
  type ReadBlobResponse,
  ReadBlobResponseSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { bearerToken } from './bearer.ts';
import type { AgentTokenVerifier, BlobSource } from './ports.ts';
import { Slots } from './slots.ts';

/** Most bytes in one message. */
const PIECE_BYTES = 256 * 1024;

/** What ReadBlob needs. */
export type BlobCallsPorts = {
  readonly verifier: AgentTokenVerifier;
  readonly blobs: BlobSource;
  readonly log: Logger;
  /** Blobs that are read at one time; further readers wait in line. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** How long a reader may take for one piece. */
  readonly stallMillis: number;
  /** Cuts the connection of a peer. */
  readonly cut: (peer: string) => void;
};

/** A call of ReadBlob. The request is bytes: see kit/grpc/decode-request.ts. */
export type BlobCall = ServerWritableStream<Buffer, ReadBlobResponse>;

/** Serves the calls of ReadBlob. */
export class BlobCalls {
  readonly #ports: BlobCallsPorts;
  readonly #slots: Slots;

  constructor(ports: BlobCallsPorts) {
    this.#ports = ports;
    this.#slots = new Slots(ports.concurrency);
  }

  /** Serves one call to its end; never rejects. */
  async serve(call: BlobCall): Promise<void> {
    const gone = new AbortController();
    call.once('cancelled', () => gone.abort('the agent has gone'));
    try {
      const { tenant } = await this.#ports.verifier.verify(bearerToken(call.metadata));
      const { digest, offset } = decodeRequest(ReadBlobRequestSchema, call.request);
      await this.#slots.hold(gone.signal, () => this.#send(call, tenant, digest, Number(offset), gone.signal));
      call.end();
    } catch (cause) {
      if (gone.signal.aborted && isAbort(cause)) return;
      this.#ports.log.info({ err: cause }, 'reading a blob failed');
      call.emit('error', toGrpcStatus(cause, 'reading a blob'));
    }
  }

  async #send(call: BlobCall, tenant: string, digest: string, offset: number, signal: AbortSignal): Promise<void> {
    const { totalBytes, chunks } = await this.#ports.blobs.open(tenant, parseDigest(digest), offset);
    let pieces = 0;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) {
        await this.#piece(call, chunk.subarray(at, at + PIECE_BYTES), totalBytes, signal);
        pieces += 1;
      }
    }
    // A reader that has everything already still learns how long the blob is.
    if (pieces === 0) await this.#piece(call, new Uint8Array(), totalBytes, signal);
  }

  /** Sends a piece; a reader that does not take it in time loses its connection, and its place. */
  async #piece(call: BlobCall, data: Uint8Array, totalBytes: number, signal: AbortSignal): Promise<void> {
    const { clock, stallMillis, cut } = this.#ports;
    const taken = new AbortController();
    const stalled = clock.sleep(stallMillis, taken.signal).then(
      () => cut(call.getPeer()),
      () => {},
    );
    try {
      await send(call, data, totalBytes, signal);
    } finally {
      taken.abort();
      await stalled;
    }
  }
}

function send(call: BlobCall, data: Uint8Array, totalBytes: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new DOMException(String(signal.reason), 'AbortError'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    call.write(create(ReadBlobResponseSchema, { data, totalBytes: BigInt(totalBytes) }), () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
