/** Waits until the agents of a scope have answered a revision. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { isCancelled } from '../connection/call-error.ts';
import type { Clients } from '../connection/clients.ts';
import type { ScopeInit } from '../scope.ts';
import { type Outcome, outcomeOf } from './outcome.ts';

/** What became of it at one tenant. */
export type TenantOutcome = { readonly tenant: Tenant; readonly outcome: Outcome };

/** What to wait for. */
export type Awaited = {
  readonly scope: ScopeInit;
  readonly kind: Kind;
  readonly revision: bigint;
  readonly timeoutMillis: number;
  /** Called with every word about a tenant of the scope. */
  readonly heard?: (tenant: Tenant) => void;
};

/**
 * Resolves when no tenant of the scope is waited for any more, or when the time is over: then some outcomes are
 * `waiting`. Rejects when the person stops waiting.
 */
export async function awaitReceipts(
  clients: Clients,
  awaited: Awaited,
  clock: Clock,
  interrupt: AbortSignal,
): Promise<readonly TenantOutcome[]> {
  const outcomes = new Map<string, TenantOutcome>();
  const enough = new AbortController();
  const timer = clock.sleep(awaited.timeoutMillis, enough.signal).then(
    () => enough.abort(),
    () => {}, // the answers came first
  );
  try {
    await collect(clients, awaited, outcomes, AbortSignal.any([interrupt, enough.signal]));
  } catch (thrown) {
    if (interrupt.aborted || !(enough.signal.aborted && isCancelled(thrown))) throw thrown;
  } finally {
    enough.abort();
    await timer;
  }
  return [...outcomes.values()].filter(({ outcome }) => outcome.state !== 'unconcerned');
}

async function collect(
  clients: Clients,
  { scope, kind, revision, heard }: Awaited,
  outcomes: Map<string, TenantOutcome>,
  signal: AbortSignal,
): Promise<void> {
  const name = scope.scope?.case === 'tenant' ? scope.scope.value : '';
  let complete = false;
  for await (const { tenant, deleted, snapshotComplete } of clients.tenants.watchTenants({ name }, { signal })) {
    complete ||= snapshotComplete;
    if (tenant && deleted) outcomes.delete(tenant.name);
    else if (tenant && isIn(tenant, scope)) {
      outcomes.set(tenant.name, { tenant, outcome: outcomeOf(tenant, kind, revision) });
      heard?.(tenant);
    }
    if (complete && ![...outcomes.values()].some(({ outcome }) => outcome.state === 'waiting')) return;
  }
}

function isIn(tenant: Tenant, { scope }: ScopeInit): boolean {
  return scope?.case === 'team' ? tenant.team === scope.value : true;
}
