/** What runtimes need from tenants. */
import type { Scope } from '../revisions/scope.ts';
import type { Change } from '../store/store.ts';

/** Answers which tenants there are. Implemented by the tenant store. */
export interface TenantDirectory {
  /** Undefined for a tenant that does not exist. */
  find(name: string): Promise<{ readonly name: string; readonly team: string } | undefined>;
  /** Throws `not_found` for a tenant that does not exist and `failed_precondition` for one that is being deleted, as the change sees it. */
  requireStanding(change: Change, name: string): Promise<void>;
  /** Calls back after a tenant was created; returns how to stop. */
  onAdded(listener: (name: string) => void): () => void;
  /** Names of the tenants that a scope concerns. */
  namesIn(scope: Scope): Promise<readonly string[]>;
}
