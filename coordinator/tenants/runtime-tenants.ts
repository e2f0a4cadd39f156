/** The tenants as the runtimes ask for them. */
import type { TenantDirectory as RuntimeTenants } from '../runtimes/ports.ts';
import type { TenantDirectory } from './directory.ts';

/** Answers from the directory. */
export function runtimeTenants(directory: TenantDirectory): RuntimeTenants {
  return {
    find: async (name) => directory.find(name)?.record,
    async namesIn(scope) {
      if (scope.kind === 'organisation') return directory.names();
      return scope.kind === 'team' ? directory.ofTeam(scope.name) : [scope.name];
    },
  };
}
