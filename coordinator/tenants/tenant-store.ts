/** Tenants and what was observed of them, in the database. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';
import type { Change, Queries, Store } from '../store/store.ts';
import type { Retention } from './ports.ts';

/** A tenant as it was asked for. */
export type TenantRecord = {
  /** A DNS label. */
  readonly name: string;
  readonly displayName: string;
  /** Empty for none. */
  readonly team: string;
  readonly retention: Retention;
  readonly createdAt: number;
  /** True from the moment the delete was asked for until everything is gone and so is the record. */
  readonly deleting: boolean;
};

/** The tables of tenants. */
export class TenantStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Adds a tenant as part of a change; throws `already_exists`. */
  async add(change: Change, tenant: TenantRecord): Promise<void> {
    const { numInsertedOrUpdatedRows } = await change.db
      .insertInto('tenants')
      .values({
        name: tenant.name,
        display_name: tenant.displayName,
        team: tenant.team,
        retention: tenant.retention,
        created_at: tenant.createdAt,
        deleting: tenant.deleting ? 1 : 0,
      })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 1n) return;
    throw new OpenCraneError('already_exists', 'tenant_exists', `there is a tenant "${tenant.name}" already`, {
      field: 'name',
      mend: 'choose another name; one that is being deleted is free again when it is gone',
    });
  }

  /** Reads a tenant; throws `not_found`. Within a change, pass its `db`. */
  async get(name: string, db: Queries = this.#store.db): Promise<TenantRecord> {
    const row = await db.selectFrom('tenants').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) throw tenantNotFound(name);
    return decode(row);
  }

  /** Every tenant, by name. */
  async all(): Promise<TenantRecord[]> {
    return (await this.#store.db.selectFrom('tenants').selectAll().orderBy('name').execute()).map(decode);
  }

  /** Marks a tenant as being deleted, as part of a change; false when it was already. */
  async markDeleting(change: Change, name: string): Promise<boolean> {
    const { numUpdatedRows } = await change.db
      .updateTable('tenants')
      .set({ deleting: 1 })
      .where('name', '=', name)
      .where('deleting', '=', 0)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Removes a tenant and what was observed of it, as part of a change. */
  async remove(change: Change, name: string): Promise<void> {
    await change.db.deleteFrom('observations').where('tenant', '=', name).execute();
    await change.db.deleteFrom('tenants').where('name', '=', name).execute();
  }

  /** Whether there is such a tenant. */
  async exists(change: Change, name: string): Promise<boolean> {
    const found = await change.db.selectFrom('tenants').select('name').where('name', '=', name).executeTakeFirst();
    return found !== undefined;
  }

  /** Keeps what was observed, as part of a change; false for a tenant that is gone, of which nothing is kept. */
  async keepObservation(change: Change, tenant: string, observation: string): Promise<boolean> {
    if (!(await this.exists(change, tenant))) return false;
    await change.db
      .insertInto('observations')
      .values({ tenant, observation })
      .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ observation }))
      .execute();
    return true;
  }

  /** What was observed of each tenant that was ever heard of. */
  async observations(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#store.db.selectFrom('observations').selectAll().execute();
    return new Map(rows.map(({ tenant, observation }) => [tenant, observation]));
  }
}

/** The error about a tenant that does not exist. */
export function tenantNotFound(name: string): OpenCraneError {
  return new OpenCraneError('not_found', 'tenant_not_found', `there is no tenant "${name}"`, {
    field: 'name',
    mend: 'list the tenants to see which there are',
  });
}

/** The error about a tenant of which nothing can be wanted any more. */
export function tenantDeleting(name: string): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'tenant_deleting', `tenant "${name}" is being deleted`, {
    field: 'name',
    mend: 'create it anew when it is gone',
  });
}

function decode(row: Selectable<Schema['tenants']>): TenantRecord {
  return {
    name: row.name,
    displayName: row.display_name,
    team: row.team,
    retention: row.retention,
    createdAt: row.created_at,
    deleting: row.deleting === 1,
  };
}
