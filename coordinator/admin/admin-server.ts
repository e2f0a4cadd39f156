/** The admin plane: everything that people and tools call, on one port that wants a token for all of it. */
import type { DescService } from '@bufbuild/protobuf';
import { type ConnectRouter, createConnectRouter, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { compressionGzip } from '@connectrpc/connect-node';
import { createValidateInterceptor } from '@connectrpc/validate';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { Gauge, type Registry } from '@opencrane/kit/metrics.ts';
import { Health } from '@opencrane/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '@opencrane/proto/grpc/reflection/v1/reflection_pb.ts';
import { type AnswerErrorsOptions, answerErrors, answerTo } from './answer-errors.ts';
import { callerKey } from './caller.ts';
import { healthService } from './health-service.ts';
import { type AnyRequest, type AnyResponse, OnePort } from './one-port.ts';
import type { AdminAuthenticator } from './ports.ts';
import { reflectionService } from './reflection-service.ts';
import { MAX_REQUEST_BYTES, refuseTooLarge, rpcHandler } from './rpc-handler.ts';

/** How long requests may take to end once the server stops. */
const GRACE_MILLIS = 5_000;

const TEXT = 'text/plain; charset=utf-8';

/** A service and what implements it. */
export type ServedService = { readonly service: DescService; addTo(router: ConnectRouter): void };

/** Connect's largest size of a message: none is compressed. */
const NEVER = 0xffffffff;

/**
 * Pairs a service with its implementation. Answers are gzipped where the caller takes that, unless `compressed` is false:
 * for bytes in bulk it would cost the coordinator more than all else it does with them (25 ms of a core per MB).
 */
export function served<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
  { compressed = true } = {},
): ServedService {
  const options = compressed ? {} : { compressMinBytes: NEVER };
  return { service, addTo: (router) => router.service(service, implementation, options) };
}

/** What the admin server needs. */
export type AdminServerOptions = {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly services: readonly ServedService[];
  readonly authenticator: AdminAuthenticator;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes the id under which an internal error is in the log. */
  readonly newId: () => string;
};

/** The running server. */
export type AdminServer = Part & {
  /** Where it listens, such as `http://127.0.0.1:7070`. */
  url(): string;
};

/** Makes the admin server; it listens from its start on. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const { log, clock, registry } = options;
  const stop = new AbortController();
  const answers: AnswerErrorsOptions = { log, newId: options.newId, stopping: stop.signal };
  const rpc = rpcHandler(createRouter(options, answers), log);
  const metrics = metricsHandler(options, answers);
  const port = new OnePort({
    ...options,
    handle(request, response) {
      if (!rpc(request, response) && !metrics(request, response)) notFound(response);
    },
  });
  new Gauge({
    name: 'opencrane_admin_connections',
    help: 'Open connections of the admin port',
    registers: [registry],
    collect() {
      this.set(port.connections);
    },
  });
  return {
    name: 'admin server',
    url() {
      const { address, family, port: number } = port.address();
      return `http://${family === 'IPv6' ? `[${address}]` : address}:${number}`;
    },
    start: () => port.listen(),
    async stop(hurry) {
      stop.abort(new OpenCraneError('cancelled', 'stopping', 'the coordinator stops'));
      const closed = port.close();
      const enough = new AbortController();
      const patience = clock.sleep(GRACE_MILLIS, AbortSignal.any([hurry, enough.signal])).catch(() => {}); // hurried
      await Promise.race([closed, patience]);
      enough.abort();
      port.destroy();
      await closed;
    },
  };
}

function createRouter({ services, authenticator }: AdminServerOptions, answers: AnswerErrorsOptions): ConnectRouter {
  const router = createConnectRouter({
    interceptors: [answerErrors(answers), createValidateInterceptor()],
    requestGate: (context) => admit(context, authenticator, answers),
    readMaxBytes: MAX_REQUEST_BYTES,
    acceptCompression: [compressionGzip],
    jsonOptions: { ignoreUnknownFields: false }, // a misspelt field is an error, not a wish that is dropped
    shutdownSignal: answers.stopping,
  });
  for (const { addTo } of services) addTo(router);
  const described = services.map(({ service }) => service);
  const names = described.map(({ typeName }) => typeName);
  router.service(Health, healthService(names, answers.stopping));
  router.service(ServerReflection, reflectionService([...described, Health, ServerReflection]));
  return router;
}

/** Decides on a request before any of its body is read. */
async function admit(
  { requestHeader, values, service, method }: HandlerContext,
  authenticator: AdminAuthenticator,
  answers: AnswerErrorsOptions,
): Promise<void> {
  try {
    values.set(callerKey, await authenticator.authenticate(requestHeader.get('authorization')));
    refuseTooLarge(Number(requestHeader.get('content-length') ?? 0));
  } catch (thrown) {
    throw answerTo(thrown, `${service.typeName}/${method.name}`, answers);
  }
}

function metricsHandler({ authenticator, registry, log }: AdminServerOptions, answers: AnswerErrorsOptions) {
  const answer = async (request: AnyRequest, response: AnyResponse) => {
    try {
      await authenticator.authenticate(request.headers.authorization ?? null);
      const text = await registry.metrics();
      send(response, 200, registry.contentType, text);
    } catch (thrown) {
      const denied = toOpenCraneError(thrown, 'reading metrics').code === 'unauthenticated';
      send(response, denied ? 401 : 500, TEXT, `${answerTo(thrown, 'reading metrics', answers).rawMessage}\n`);
    }
  };
  return (request: AnyRequest, response: AnyResponse): boolean => {
    if (request.url !== '/metrics' || request.method !== 'GET') return false;
    answer(request, response).catch((err: unknown) => log.debug({ err }, 'metrics could not be sent'));
    return true;
  };
}

function notFound(response: AnyResponse): void {
  send(response, 404, TEXT, 'there is nothing here; the services are listed by gRPC reflection\n');
}

function send(response: AnyResponse, status: number, type: string, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', type);
  response.end(text);
}
