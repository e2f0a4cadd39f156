/** Reads and writes which OpenClaw version is wanted where. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { type Scope, scopesOf, scopeText } from '../revisions/scope.ts';
import type { Change, Store } from '../store/store.ts';
import type { TenantDirectory } from './ports.ts';
import { type Decision, decideRuntime, type RuntimeWish, toPayload } from './runtime-revision.ts';

/** Where wishes are kept. */
export type WishParts = {
  readonly store: Store;
  readonly revisions: RevisionStore;
  readonly audit: AuditLog;
  readonly tenants: TenantDirectory;
};

/** Who wishes, and why. */
export type Wisher = { readonly actor: string; readonly reason: string };

/** The wishes of all scopes. */
export class RuntimeWishes {
  readonly #parts: WishParts;

  constructor(parts: WishParts) {
    this.#parts = parts;
  }

  /** What a tenant should run; undefined when nobody has said yet. Throws `not_found` for a tenant that does not exist. */
  async decide(tenant: string): Promise<Decision | undefined> {
    const found = await this.#parts.tenants.find(tenant);
    if (found === undefined) throw unknownTenant(tenant);
    const newest = await Promise.all(scopesOf(found).map((scope) => this.#parts.revisions.latest(scope, 'runtime')));
    return decideRuntime(newest.filter((revision) => revision !== undefined));
  }

  /** Holds a scope at a version. */
  async pin(scope: Scope, version: string, restoreKeptState: boolean, who: Wisher): Promise<Revision> {
    await this.#requireScope(scope);
    const wish = { version, pinned: true, restoreKeptState };
    return this.#write(scope, wish, who, 'runtime.pin', `pinned to ${version}`);
  }

  /** A tenant's own version, without a pin. */
  async choose(tenant: string, version: string, who: Wisher): Promise<Revision> {
    const wish = { version, pinned: false, restoreKeptState: false };
    return this.#write({ kind: 'tenant', name: tenant }, wish, who, 'runtime.choose', `version ${version}`);
  }

  /**
   * Takes a scope's pin away. Tenants stay where they are: those that ran what the pin said, and that no nearer pin
   * holds, get that version as their own, in the same transaction.
   */
  async unpin(scope: Scope, who: Wisher): Promise<Revision> {
    await this.#requireScope(scope);
    const { revisions, store, tenants } = this.#parts;
    const pin = await revisions.latest(scope, 'runtime');
    if (pin === undefined || pin.payload['pinned'] !== true) {
      throw new OpenCraneError('failed_precondition', 'not_pinned', `unpinning ${scopeText(scope)}: it has no pin`, {
        field: 'scope',
        mend: 'see `opencrane runtime list` for the pins there are',
      });
    }
    const version = String(pin.payload['version']);
    const own = scope.kind === 'tenant';
    const held = own ? [] : await this.#heldBy(pin, await tenants.namesIn(scope));
    const wish = { version: own ? version : '', pinned: false, restoreKeptState: false };
    return store.transaction(async (change) => {
      for (const tenant of held) {
        const payload = toPayload({ version, pinned: false, restoreKeptState: false });
        await revisions.append(change, { scope: { kind: 'tenant', name: tenant }, kind: 'runtime', payload, ...who });
      }
      return this.#append(change, scope, wish, who, 'runtime.unpin', `no longer pinned to ${version}`);
    });
  }

  async #heldBy(pin: Revision, names: readonly string[]): Promise<string[]> {
    const held: string[] = [];
    for (const name of names) {
      const decision = await this.decide(name);
      if (decision?.by.number === pin.number) held.push(name);
    }
    return held;
  }

  #write(scope: Scope, wish: RuntimeWish, who: Wisher, action: string, summary: string): Promise<Revision> {
    return this.#parts.store.transaction((change) => this.#append(change, scope, wish, who, action, summary));
  }

  async #append(
    change: Change,
    scope: Scope,
    wish: RuntimeWish,
    who: Wisher,
    action: string,
    summary: string,
  ): Promise<Revision> {
    const { revisions, audit } = this.#parts;
    const revision = await revisions.append(change, { scope, kind: 'runtime', payload: toPayload(wish), ...who });
    await audit.record(change, {
      actor: who.actor,
      action,
      target: scopeText(scope),
      summary,
      revision: revision.number,
    });
    return revision;
  }

  async #requireScope(scope: Scope): Promise<void> {
    if (scope.kind === 'tenant' && (await this.#parts.tenants.find(scope.name)) === undefined)
      throw unknownTenant(scope.name);
  }
}

function unknownTenant(name: string): OpenCraneError {
  return new OpenCraneError('not_found', 'tenant_not_found', `there is no tenant ${name}`, {
    field: 'tenant',
    mend: 'see `opencrane tenant list`',
  });
}
