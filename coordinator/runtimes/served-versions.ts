/** Which versions of OpenClaw tenants should run and run. */
import type { ServedVersions } from '../config/ports.ts';
import type { RevisionStore } from '../revisions/revision-store.ts';
import { scopesOf, scopeText } from '../revisions/scope.ts';
import { decideRuntime } from './runtime-revision.ts';

/** What answering takes. */
export type ServedVersionsParts = {
  readonly revisions: RevisionStore;
  /** The version that a tenant's agent said it runs; empty when it never said. */
  readonly running: (tenant: string) => string;
};

/** Answers for many tenants with one query. */
export function servedVersions({ revisions, running }: ServedVersionsParts): ServedVersions {
  return {
    async versionsOf(tenants) {
      const newest = new Map(
        (await revisions.latestOfEveryScope('runtime')).map((revision) => [scopeText(revision.scope), revision]),
      );
      return tenants.map((tenant) => {
        const wishes = scopesOf(tenant).flatMap((scope) => newest.get(scopeText(scope)) ?? []);
        const versions = [decideRuntime(wishes)?.wish.version ?? '', running(tenant.name)];
        return [...new Set(versions.filter((version) => version !== ''))];
      });
    },
  };
}
