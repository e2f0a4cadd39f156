/** A live view of tenants: a table that is drawn again in a terminal, a line per change in a pipe. */
import { toJson } from '@bufbuild/protobuf';
import { type Tenant, TenantSchema, type WatchTenantsResponse } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { isCancelled } from '../connection/call-error.ts';
import type { Clients } from '../connection/clients.ts';
import type { Output } from '../output/output.ts';
import { renderTable } from '../output/table.ts';
import { tenantRow, tenantTitles } from './tenant-row.ts';

/** Draws the tenants as they are until the signal fires. */
export async function watchInTerminal(clients: Clients, name: string, output: Output, signal: AbortSignal) {
  const tenants = new Map<string, Tenant>();
  const area = output.live();
  let complete = false;
  await changes(clients, name, signal, ({ tenant, deleted, snapshotComplete }) => {
    complete ||= snapshotComplete;
    if (tenant && deleted) tenants.delete(tenant.name);
    else if (tenant) tenants.set(tenant.name, tenant);
    if (!complete) return;
    const rows = [...tenants.values()]
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => tenantRow(one, output));
    const [head = '', ...lines] = renderTable(tenantTitles, rows);
    area.draw([output.style('bold', head), ...lines, output.style('dim', 'Ctrl-C ends this view')]);
  });
}

/** Prints a line whenever what a person sees of a tenant has changed; for programs, every change. */
export async function watchInPipe(clients: Clients, name: string, output: Output, signal: AbortSignal) {
  const shown = new Map<string, string>();
  await changes(clients, name, signal, ({ tenant, deleted }) => {
    if (tenant === undefined) return;
    output.jsonLine({ deleted, tenant: toJson(TenantSchema, tenant) });
    const line = deleted ? `${tenant.name}  deleted` : tenantRow(tenant, output).join('  ');
    if (shown.get(tenant.name) === line) return;
    shown.set(tenant.name, line);
    output.line(line);
  });
}

async function changes(
  clients: Clients,
  name: string,
  signal: AbortSignal,
  heard: (change: WatchTenantsResponse) => void,
): Promise<void> {
  try {
    for await (const change of clients.tenants.watchTenants({ name }, { signal })) heard(change);
  } catch (thrown) {
    if (!(signal.aborted && isCancelled(thrown))) throw thrown;
  }
}
