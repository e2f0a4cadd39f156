/**
 * Connect, gRPC and gRPC-Web requests to the handlers of a router. Connect has an adapter of its own for Node, which
 * writes to the console when a peer goes away in the middle; this one writes to the log.
 */
import { ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { AnyRequest, AnyResponse } from './one-port.ts';

/** Answers a request, or returns false when its path is none of the router's. */
export type RpcHandler = (request: AnyRequest, response: AnyResponse) => boolean;

/** Makes the handler of a router. */
export function rpcHandler(router: ConnectRouter, log: Logger): RpcHandler {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const handler = handlers.get(path);
    if (handler === undefined) return false;
    const answer = async () => {
      const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
      await universalResponseToNodeResponse(await handler(universal), response);
    };
    answer().catch((thrown: unknown) => {
      log.debug({ err: ConnectError.from(thrown), path }, 'a response could not be sent whole');
      response.destroy();
    });
    return true;
  };
}
