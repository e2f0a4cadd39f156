/** What runtimes need from tenants. */
import type { Scope } from '../revisions/scope.ts';

/** Answers which tenants there are. Implemented by the tenant store. */
export interface TenantDirectory {
  /** Undefined for a tenant that does not exist. */
  find(name: string): Promise<{ readonly name: string; readonly team: string } | undefined>;
  /** Names of the tenants that a scope concerns. */
  namesIn(scope: Scope): Promise<readonly string[]>;
}
