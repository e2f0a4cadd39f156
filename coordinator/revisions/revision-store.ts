/** Desired state as numbered, immutable revisions per scope and kind. The newest of a scope and kind is what it wants. */
import { canonicalJson, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Digest, digestOf, parseDigest } from '@opencrane/kit/digest.ts';
import type { Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';
import type { Change, Queries, Store } from '../store/store.ts';
import type { Scope } from './scope.ts';

/** Kinds of desired state that have revisions. */
export type RevisionKind = 'config' | 'runtime';

/** What a revision says besides its payload. */
export type RevisionHead = {
  /** Grows with every change in the organisation. */
  readonly number: number;
  readonly scope: Scope;
  readonly kind: RevisionKind;
  /** Digest of the payload's canonical JSON. */
  readonly digest: Digest;
};

/** One revision. */
export type Revision = RevisionHead & {
  readonly payload: JsonObject;
  readonly actor: string;
  readonly reason: string;
  readonly createdAt: number;
};

/** A revision that is to be written. */
export type NewRevision = Pick<Revision, 'scope' | 'kind' | 'payload' | 'actor' | 'reason'>;

/** Revisions in the database. */
export class RevisionStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #listeners = new Set<(revision: RevisionHead) => void>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Writes the next revision of a scope and kind as part of a change. */
  async append(change: Change, { scope, kind, payload, actor, reason }: NewRevision): Promise<Revision> {
    const number = await change.next('revision'); // holds the counter: revisions are committed in the order of their numbers
    const text = canonicalJson(payload);
    const revision = {
      number,
      scope,
      kind,
      digest: digestOf(text),
      payload,
      actor,
      reason,
      createdAt: this.#clock.now(),
    };
    await change.db
      .insertInto('revisions')
      .values({
        number,
        scope_kind: scope.kind,
        scope_name: nameOf(scope),
        kind,
        digest: revision.digest,
        payload: text,
        actor,
        reason,
        created_at: revision.createdAt,
      })
      .execute();
    change.afterCommit(() => {
      for (const listener of this.#listeners) listener(revision);
    });
    return revision;
  }

  /** The newest revision of a scope and kind. Within a change, pass its `db`. */
  async latest(scope: Scope, kind: RevisionKind, db: Queries = this.#store.db): Promise<Revision | undefined> {
    const row = await ofScope(db, scope, kind).selectAll().orderBy('number', 'desc').limit(1).executeTakeFirst();
    return row && decode(row);
  }

  /** The newest revision of a scope and kind, for a change that depends on it: nobody else writes one until the change is committed. */
  async latestToReplace(change: Change, scope: Scope, kind: RevisionKind): Promise<Revision | undefined> {
    await change.lock('revision');
    return this.latest(scope, kind, change.db);
  }

  /** The newest revision of every scope that has one of this kind, without payloads. */
  async heads(kind: RevisionKind): Promise<RevisionHead[]> {
    const rows = await this.#store.db
      .selectFrom('revisions')
      .select(['number', 'scope_kind', 'scope_name', 'digest'])
      .where('number', 'in', newestNumbers(this.#store.db, kind))
      .execute();
    return rows.map((row) => ({ number: row.number, scope: scopeOf(row), kind, digest: parseDigest(row.digest) }));
  }

  /** The newest revisions of any of the scopes, newest first. */
  async list(scopes: readonly Scope[], kind: RevisionKind, limit: number): Promise<Revision[]> {
    const rows = await this.#store.db
      .selectFrom('revisions')
      .selectAll()
      .where('kind', '=', kind)
      .where((eb) => eb.or(scopes.map((scope) => eb.and(columnsOf(scope)))))
      .orderBy('number', 'desc')
      .limit(limit)
      .execute();
    return rows.map(decode);
  }

  /** The newest revision of each of the scopes that has one, read at one moment, in the order of the scopes. Within a change, pass its `db`. */
  async latestOf(scopes: readonly Scope[], kind: RevisionKind, db: Queries = this.#store.db): Promise<Revision[]> {
    const rows = await this.#newest(db, kind, scopes);
    return scopes.flatMap(
      (scope) => rows.find((row) => row.scope.kind === scope.kind && nameOf(row.scope) === nameOf(scope)) ?? [],
    );
  }

  /** The newest revision of every scope that has one of this kind, newest first. Within a change, pass its `db`. */
  async latestOfEveryScope(kind: RevisionKind, db: Queries = this.#store.db): Promise<Revision[]> {
    return this.#newest(db, kind);
  }

  async #newest(db: Queries, kind: RevisionKind, scopes?: readonly Scope[]): Promise<Revision[]> {
    const rows = await db
      .selectFrom('revisions')
      .selectAll()
      .where('number', 'in', newestNumbers(db, kind, scopes))
      .orderBy('number', 'desc')
      .execute();
    return rows.map(decode);
  }

  /** Removes what was ever wanted of a tenant that is deleted, so that a later one of the same name does not inherit it. */
  async removeTenant(change: Change, tenant: string): Promise<void> {
    await change.db
      .deleteFrom('revisions')
      .where('scope_kind', '=', 'tenant')
      .where('scope_name', '=', tenant)
      .execute();
  }

  /** Calls back after a revision is committed; returns how to stop. */
  onAppended(listener: (revision: RevisionHead) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function ofScope(db: Queries, scope: Scope, kind: RevisionKind) {
  return db
    .selectFrom('revisions')
    .where('kind', '=', kind)
    .where('scope_kind', '=', scope.kind)
    .where('scope_name', '=', nameOf(scope));
}

function newestNumbers(db: Queries, kind: RevisionKind, scopes?: readonly Scope[]) {
  const numbers = db
    .selectFrom('revisions')
    .select((eb) => eb.fn.max('number').as('number'))
    .where('kind', '=', kind)
    .groupBy(['scope_kind', 'scope_name']);
  return scopes ? numbers.where((eb) => eb.or(scopes.map((scope) => eb.and(columnsOf(scope))))) : numbers;
}

function columnsOf(scope: Scope) {
  return { scope_kind: scope.kind, scope_name: nameOf(scope) };
}

function nameOf(scope: Scope): string {
  return scope.kind === 'organisation' ? '' : scope.name;
}

function decode(row: Selectable<Schema['revisions']>): Revision {
  return {
    number: row.number,
    scope: scopeOf(row),
    kind: row.kind,
    digest: parseDigest(row.digest),
    payload: JSON.parse(row.payload),
    actor: row.actor,
    reason: row.reason,
    createdAt: row.created_at,
  };
}

function scopeOf(row: Pick<Selectable<Schema['revisions']>, 'scope_kind' | 'scope_name'>): Scope {
  return row.scope_kind === 'organisation' ? { kind: row.scope_kind } : { kind: row.scope_kind, name: row.scope_name };
}
