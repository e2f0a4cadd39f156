/** Follows a coordinator's tenants, one or all: how far it is, and when it is ready or no longer is. */
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { isCancelled } from '../connection/call-error.ts';
import type { Clients } from '../connection/clients.ts';
import type { Heard } from '../progress/steps.ts';
import { isReady } from './readiness.ts';

/** What is told about tenants. */
export interface TenantListener {
  progress(tenant: string, heard: Heard): void;
  /** The phase, the line that explains it, or whether it is ready is another than before. */
  changed(tenant: Tenant, before: Tenant | undefined): Promise<void> | void;
  deleted(name: string): void;
}

/** Follows one tenant, or all when the name is empty, until the signal fires; an error of the connection is thrown. */
export async function followTenants(
  clients: Clients,
  name: string,
  listener: TenantListener,
  signal: AbortSignal,
): Promise<void> {
  try {
    await Promise.all([followPhases(clients, name, listener, signal), followProgress(clients, name, listener, signal)]);
  } catch (thrown) {
    if (!(signal.aborted && isCancelled(thrown))) throw thrown;
  }
}

async function followPhases(
  clients: Clients,
  name: string,
  listener: TenantListener,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, Tenant>();
  for await (const { tenant, deleted } of clients.tenants.watchTenants({ name }, { signal })) {
    if (!tenant) continue;
    const before = known.get(tenant.name);
    if (deleted) {
      known.delete(tenant.name);
      listener.deleted(tenant.name);
      continue;
    }
    known.set(tenant.name, tenant);
    const { status } = tenant;
    if (status?.progress && !isReady(tenant)) listener.progress(tenant.name, status.progress);
    if (before === undefined || looks(before) !== looks(tenant)) await listener.changed(tenant, before);
  }
}

function looks(tenant: Tenant): string {
  return JSON.stringify([tenant.status?.phase, tenant.status?.message, isReady(tenant)]);
}

/** The tenants' own messages only carry the newest progress; the events also tell of its end. */
async function followProgress(
  clients: Clients,
  tenant: string,
  listener: TenantListener,
  signal: AbortSignal,
): Promise<void> {
  for await (const { event } of clients.events.watchEvents({ tenant, afterId: -1n, follow: true }, { signal })) {
    if (event?.detail.case === 'progress') listener.progress(event.tenant, event.detail.value);
  }
}
