/** The tenants as the runtimes ask for them. */
import type { TenantDirectory as RuntimeTenants } from '../runtimes/ports.ts';
import type { TenantDirectory } from './directory.ts';
import { type TenantStore, tenantDeleting } from './tenant-store.ts';

/** Answers from the directory, and within a change from the database. */
export function runtimeTenants(directory: TenantDirectory, tenants: TenantStore): RuntimeTenants {
  return {
    find: async (name) => directory.find(name)?.record,
    async requireStanding(change, name) {
      if ((await tenants.get(name, change.db)).deleting) throw tenantDeleting(name);
    },
    onAdded: (listener) => directory.onAdded(listener),
    async namesIn(scope) {
      if (scope.kind === 'organisation') return directory.names();
      return scope.kind === 'team' ? directory.ofTeam(scope.name) : [scope.name];
    },
  };
}
