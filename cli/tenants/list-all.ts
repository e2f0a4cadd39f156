/** Every tenant, page by page. */
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Clients } from '../connection/clients.ts';

/** The tenants by name; only a team's when one is named. */
export async function listAllTenants(clients: Clients, team = ''): Promise<readonly Tenant[]> {
  const all: Tenant[] = [];
  for (let pageToken = ''; ; ) {
    const page = await clients.tenants.listTenants({ team, pageToken });
    all.push(...page.tenants);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}
