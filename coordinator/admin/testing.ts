/** An admin server for tests: any services, a free port, the token `good`. */
import type { TestContext } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { createRegistry } from '@opencrane/kit/metrics.ts';
import { type AdminServer, createAdminServer, type ServedService } from './admin-server.ts';

/** A started server, and what it logged. */
export type TestServer = { readonly server: AdminServer; readonly url: string; readonly logged: string[] };

/** Starts a server that stops with the test. */
export async function startAdminServer(test: TestContext, services: readonly ServedService[]): Promise<TestServer> {
  const logged: string[] = [];
  const server = createAdminServer({
    host: '127.0.0.1',
    port: 0,
    services,
    authenticator: {
      async authenticate(header) {
        if (header === 'Bearer good') return { actor: 'admin' };
        throw new OpenCraneError('unauthenticated', 'token_wrong', 'the token is not the one of this coordinator', {
          mend: 'read it from the admin-token file',
        });
      },
    },
    registry: createRegistry('test'),
    clock: systemClock,
    log: createLogger({ program: 'test', level: 'warn', destination: { write: (line) => logged.push(line) } }),
    newId: () => 'id-1',
  });
  await server.start?.();
  test.after(() => server.stop?.(AbortSignal.abort()));
  return { server, url: server.url(), logged };
}
