/**
 * Reads and writes which OpenClaw version is wanted where. What a change depends on is read within its transaction,
 * after the lock on revisions: a bundle may have been built for minutes since somebody looked.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { type Scope, scopesOf, scopeText } from '../revisions/scope.ts';
import type { Change, Queries, Store } from '../store/store.ts';
import type { TenantDirectory } from './ports.ts';
import { type Decision, decideRuntime, type RuntimeWish, readWish, toPayload } from './runtime-revision.ts';

/** Where wishes are kept. */
export type WishParts = {
  readonly store: Store;
  readonly revisions: RevisionStore;
  readonly audit: AuditLog;
  readonly tenants: TenantDirectory;
};

/** Who wishes, and why. */
export type Wisher = { readonly actor: string; readonly reason: string };

/**
 * What whoever pins or unpins believes to be the newest RUNTIME revision of the scope; 0n for no belief, unless
 * `expectUnwritten` says that there is none.
 */
export type Expected = { readonly expectedRevision: bigint; readonly expectUnwritten: boolean };

/** What became of a tenant's own choice. */
export type Choice = {
  /** What the tenant should have run just before; undefined when nobody had said. */
  readonly found: Decision | undefined;
  /** Undefined when what was found was left as it is. */
  readonly written: Revision | undefined;
};

/** Revisions of a tenant's scopes that are looked through for what was ever wanted; far more than anyone goes back. */
const MOST_REMEMBERED = 1_000;

/** The wishes of all scopes. */
export class RuntimeWishes {
  readonly #parts: WishParts;

  constructor(parts: WishParts) {
    this.#parts = parts;
  }

  /** What a tenant should run; undefined when nobody has said yet. Throws `not_found` for a tenant that does not exist. */
  decide(tenant: string): Promise<Decision | undefined> {
    return this.#decide(tenant, this.#parts.store.db);
  }

  /** The same for many, in one query. Tenants that do not exist are left out. */
  decideEach(tenants: readonly string[]): Promise<ReadonlyMap<string, Decision | undefined>> {
    return this.#decideEach(tenants, this.#parts.store.db);
  }

  /** The versions that were ever wanted of a tenant, also as part of its team and organisation. Empty for a tenant that does not exist. */
  async everWanted(tenant: string): Promise<ReadonlySet<string>> {
    const found = await this.#parts.tenants.find(tenant);
    if (found === undefined) return new Set();
    const revisions = await this.#parts.revisions.list(scopesOf(found), 'runtime', MOST_REMEMBERED);
    return new Set(revisions.map((revision) => readWish(revision).version));
  }

  /** Throws `aborted` when the scope's newest revision is not the one that is expected. Before a long build; `pin` checks again. */
  async requireExpected(scope: Scope, expected: Expected): Promise<void> {
    refuseConflict(scope, await this.#parts.revisions.latest(scope, 'runtime'), expected);
  }

  /** Holds a scope at a version. Throws `aborted` when its newest revision is not the one that is expected. */
  async pin(
    scope: Scope,
    version: string,
    restoreKeptState: boolean,
    who: Wisher,
    expected: Expected,
  ): Promise<Revision> {
    const { revisions, store } = this.#parts;
    return store.transaction(async (change) => {
      const before = await revisions.latestToReplace(change, scope, 'runtime');
      await this.#requireScope(change, scope);
      refuseConflict(scope, before, expected);
      const wish = { version, pinned: true, restoreKeptState };
      return this.#append(change, scope, wish, who, 'runtime.pin', `pinned to ${version}`);
    });
  }

  /** Makes a version a tenant's own, without a pin, if that still `applies` to what it should run by the time it is written. */
  async choose(
    tenant: string,
    version: string,
    who: Wisher,
    applies: (found: Decision | undefined) => boolean,
  ): Promise<Choice> {
    const scope: Scope = { kind: 'tenant', name: tenant };
    return this.#parts.store.transaction(async (change) => {
      await change.lock('revision');
      await this.#requireScope(change, scope);
      const found = await this.#decide(tenant, change.db);
      if (!applies(found)) return { found, written: undefined };
      const wish = { version, pinned: false, restoreKeptState: false };
      return { found, written: await this.#append(change, scope, wish, who, 'runtime.choose', `version ${version}`) };
    });
  }

  /**
   * Takes a scope's pin away. Tenants stay where they are: those that ran what the pin said, and that no nearer pin
   * holds, get that version as their own, in the same transaction. Throws like `pin`.
   */
  async unpin(scope: Scope, who: Wisher, expected: Expected): Promise<Revision> {
    const { revisions, store } = this.#parts;
    return store.transaction(async (change) => {
      const pin = await revisions.latestToReplace(change, scope, 'runtime');
      await this.#requireScope(change, scope);
      refuseConflict(scope, pin, expected);
      if (pin === undefined || pin.payload['pinned'] !== true) throw notPinned(scope);
      const version = String(pin.payload['version']);
      const own = scope.kind === 'tenant';
      for (const tenant of own ? [] : await this.#heldBy(change, pin)) {
        const payload = toPayload({ version, pinned: false, restoreKeptState: false });
        await revisions.append(change, { scope: { kind: 'tenant', name: tenant }, kind: 'runtime', payload, ...who });
      }
      const wish = { version: own ? version : '', pinned: false, restoreKeptState: false };
      return this.#append(change, scope, wish, who, 'runtime.unpin', `no longer pinned to ${version}`);
    });
  }

  async #decide(tenant: string, db: Queries): Promise<Decision | undefined> {
    const found = await this.#parts.tenants.find(tenant);
    if (found === undefined) throw unknownTenant(tenant);
    return decideRuntime(await this.#parts.revisions.latestOf(scopesOf(found), 'runtime', db));
  }

  /** The tenants that run what a pin says because of it. */
  async #heldBy(change: Change, pin: Revision): Promise<string[]> {
    const decisions = await this.#decideEach(await this.#parts.tenants.namesIn(pin.scope), change.db);
    return [...decisions].filter(([, decision]) => decision?.by.number === pin.number).map(([name]) => name);
  }

  async #decideEach(names: readonly string[], db: Queries): Promise<ReadonlyMap<string, Decision | undefined>> {
    const { revisions, tenants } = this.#parts;
    const everywhere = await revisions.latestOfEveryScope('runtime', db);
    const newest = new Map(everywhere.map((revision) => [scopeText(revision.scope), revision]));
    const decisions = new Map<string, Decision | undefined>();
    for (const name of names) {
      const found = await tenants.find(name);
      if (found === undefined) continue;
      decisions.set(name, decideRuntime(scopesOf(found).flatMap((scope) => newest.get(scopeText(scope)) ?? [])));
    }
    return decisions;
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

  async #requireScope(change: Change, scope: Scope): Promise<void> {
    if (scope.kind === 'tenant') await this.#parts.tenants.requireStanding(change, scope.name);
  }
}

function refuseConflict(
  scope: Scope,
  before: Revision | undefined,
  { expectedRevision, expectUnwritten }: Expected,
): void {
  const actual = BigInt(before?.number ?? 0);
  const expected = expectUnwritten ? 0n : expectedRevision;
  if (expected === actual || (expected === 0n && !expectUnwritten)) return;
  const now = before ? `${before.actor} made it revision ${actual}` : 'it has none';
  const what = `the version wanted for ${scopeText(scope)} is not at revision ${expected}: ${now}`;
  throw new OpenCraneError('aborted', 'runtime_conflict', what, {
    field: expectUnwritten ? 'expect_unwritten' : 'expected_revision',
    mend: 'see `opencrane runtime list` for the pins there are now, and decide again',
  });
}

function notPinned(scope: Scope): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'not_pinned', `unpinning ${scopeText(scope)}: it has no pin`, {
    field: 'scope',
    mend: 'see `opencrane runtime list` for the pins there are',
  });
}

function unknownTenant(name: string): OpenCraneError {
  return new OpenCraneError('not_found', 'tenant_not_found', `there is no tenant ${name}`, {
    field: 'tenant',
    mend: 'see `opencrane tenant list`',
  });
}
