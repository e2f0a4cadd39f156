/** Clients of the coordinator's admin services. */
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { RuntimeService } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** One client per service. */
export interface Clients {
  /** Where they call. */
  readonly url: string;
  readonly tenants: Client<typeof TenantService>;
  readonly config: Client<typeof ConfigService>;
  readonly runtimes: Client<typeof RuntimeService>;
  readonly audit: Client<typeof AuditService>;
  readonly events: Client<typeof EventService>;
  readonly vault: Client<typeof VaultService>;
}

/** Clients that call a coordinator's URL with a token. */
export function clientsOf(url: string, token: string): Clients {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('Authorization', `Bearer ${token}`);
    return next(request);
  };
  return clientsOver(url, createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [authorize] }));
}

/** Clients over any transport. */
export function clientsOver(url: string, transport: Transport): Clients {
  return {
    url,
    tenants: createClient(TenantService, transport),
    config: createClient(ConfigService, transport),
    runtimes: createClient(RuntimeService, transport),
    audit: createClient(AuditService, transport),
    events: createClient(EventService, transport),
    vault: createClient(VaultService, transport),
  };
}
