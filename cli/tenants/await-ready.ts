/** Waits until a tenant can be used, and shows how far it is. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Context } from '../command.ts';
import type { Clients } from '../connection/clients.ts';
import { ProgressView } from '../progress/progress-view.ts';
import { followTenants } from './follow-tenants.ts';
import { isReady } from './readiness.ts';

/** Resolves with the tenant when it is ready; throws `deadline_exceeded` with how far it got, or when it was deleted. */
export async function awaitReady(
  { output, clock, interrupts }: Pick<Context, 'output' | 'clock' | 'interrupts'>,
  clients: Clients,
  name: string,
  timeoutMillis: number,
): Promise<Tenant> {
  const view = new ProgressView(output, clock);
  const enough = new AbortController();
  let newest: Tenant | undefined;
  let deleted = false;
  const timer = clock.sleep(timeoutMillis, enough.signal).then(
    () => enough.abort(),
    () => {}, // it was ready before that
  );
  const listener = {
    progress: (tenant: string, heard: Parameters<ProgressView['heard']>[1]) => view.heard(tenant, heard),
    changed(tenant: Tenant) {
      newest = tenant;
      if (isReady(tenant)) enough.abort();
    },
    deleted() {
      deleted = true;
      enough.abort();
    },
  };
  try {
    await followTenants(clients, name, listener, AbortSignal.any([enough.signal, interrupts.signal]));
    if (newest && isReady(newest)) view.settle(name);
  } finally {
    enough.abort();
    view.close();
    await timer;
  }
  if (newest && isReady(newest) && !deleted) return newest;
  throw deleted ? wasDeleted(name) : notReady(name, newest, interrupts.signal.aborted);
}

function wasDeleted(name: string): OpenCraneError {
  return new OpenCraneError('aborted', 'tenant_deleted', `waiting for ${name}: it was deleted`);
}

function notReady(name: string, tenant: Tenant | undefined, interrupted: boolean): OpenCraneError {
  const so = `${name} is not ready yet: ${tenant?.status?.message || 'nothing was heard of it'}`;
  if (interrupted) return new OpenCraneError('cancelled', 'cancelled', so);
  const mend = `it goes on without us; see "opencrane tenant watch ${name}" and "opencrane tenant logs ${name}"`;
  return new OpenCraneError('deadline_exceeded', 'tenant_not_ready', so, { mend });
}
