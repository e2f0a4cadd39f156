/** grpc.health.v1 for the admin port. */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { type Health, HealthCheckResponse_ServingStatus as Status } from '@opencrane/proto/grpc/health/v1/health_pb.ts';

/** Serves the health of `services`; the empty name stands for all of them. They serve until the server stops. */
export function healthService(services: readonly string[], stopping: AbortSignal): ServiceImpl<typeof Health> {
  const known = new Set(['', ...services]);
  const status = () => (stopping.aborted ? Status.NOT_SERVING : Status.SERVING);
  return {
    check({ service }) {
      if (known.has(service)) return { status: status() };
      throw new ConnectError(`there is no service "${service}"`, Code.NotFound);
    },
    async *watch({ service }, { signal }) {
      yield { status: known.has(service) ? status() : Status.SERVICE_UNKNOWN };
      await aborted(signal);
    },
    list() {
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status: status() }])) };
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
