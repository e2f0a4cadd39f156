/** Runs command lines against services that a test makes up. */
import { createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { RuntimeService } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { type Clients, clientsOver } from './connection/clients.ts';
import { run, type World } from './run.ts';

/** The calls that a test answers; all others are UNIMPLEMENTED. */
export type FakeServices = {
  readonly tenants?: Partial<ServiceImpl<typeof TenantService>>;
  readonly config?: Partial<ServiceImpl<typeof ConfigService>>;
  readonly runtimes?: Partial<ServiceImpl<typeof RuntimeService>>;
  readonly audit?: Partial<ServiceImpl<typeof AuditService>>;
  readonly events?: Partial<ServiceImpl<typeof EventService>>;
  readonly vault?: Partial<ServiceImpl<typeof VaultService>>;
};

/** What a command line came to. */
export type Ran = { readonly exitCode: number; readonly out: string; readonly errors: string };

/** Clients of services that live in this process. */
export function fakeClients(services: FakeServices): Clients {
  const transport = createRouterTransport(({ service }) => {
    service(TenantService, services.tenants ?? {});
    service(ConfigService, services.config ?? {});
    service(RuntimeService, services.runtimes ?? {});
    service(AuditService, services.audit ?? {});
    service(EventService, services.events ?? {});
    service(VaultService, services.vault ?? {});
  });
  return clientsOver('http://coordinator.test', transport);
}

/** Runs one command line, its output through pipes, and resolves when it ends. */
export async function runCli(
  words: readonly string[],
  services: FakeServices,
  world: Partial<World> = {},
): Promise<Ran> {
  let out = '';
  let errors = '';
  const exitCode = await run(words, {
    environment: {},
    folder: '/',
    out: { write: (text) => (out += text) },
    errors: { write: (text) => (errors += text) },
    interrupts: { signal: new AbortController().signal, onAgain() {} },
    clock: new ManualClock(),
    ask: undefined,
    offlineVault: ['/nonexistent'],
    connect: async () => fakeClients(services),
    ...world,
  });
  return { exitCode, out, errors };
}
