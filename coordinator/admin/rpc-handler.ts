/**
 * Connect, gRPC and gRPC-Web requests to the handlers of a router. Connect has an adapter of its own for Node, which
 * writes to the console when a peer goes away in the middle; this one writes to the log.
 */
import { ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { AnyRequest, AnyResponse } from './one-port.ts';

/** Answers a request, or returns false when its path is none of the router's. */
export type RpcHandler = (request: AnyRequest, response: AnyResponse) => boolean;

/** Most bytes of a request. A layer of the configuration, the largest thing sent here, holds 1 MiB. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** A request that goes on after this many bytes is cut off. */
const MOST_DROPPED_BYTES = 16 * MAX_REQUEST_BYTES;

/** Makes the handler of a router. */
export function rpcHandler(router: ConnectRouter, log: Logger): RpcHandler {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const handler = handlers.get(path);
    if (handler === undefined) return false;
    const answer = async () => {
      const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
      const body = limited(universal.body as AsyncIterable<Uint8Array>); // bytes, as nobody parsed it yet
      await universalResponseToNodeResponse(await handler({ ...universal, body }), response);
    };
    answer().catch((thrown: unknown) => {
      log.debug({ err: ConnectError.from(thrown), path }, 'a response could not be sent whole');
      response.destroy();
    });
    return true;
  };
}

/** Throws when a request has too many bytes. Connect has a limit as well, which does not say how to mend it. */
export function refuseTooLarge(bytes: number): void {
  if (bytes <= MAX_REQUEST_BYTES) return;
  throw new OpenCraneError(
    'resource_exhausted',
    'request_too_large',
    `the request is too large; at most ${MAX_REQUEST_BYTES} bytes are read`,
    { mend: 'send less at once; a layer of the configuration holds 1 MiB at most' },
  );
}

/**
 * Refuses a request that did not tell its length and is too large, once it has ended: one that is answered in the middle
 * is cut off, and its sender may never see why. What is too much is read and dropped, within bounds.
 */
async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MOST_DROPPED_BYTES) break;
    if (bytes <= MAX_REQUEST_BYTES) yield chunk;
  }
  try {
    refuseTooLarge(bytes);
  } catch (thrown) {
    throw toConnectError(thrown, 'reading a request');
  }
}
