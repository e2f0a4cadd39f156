/** Which holding of each tenant's lease was given up last, and which database says so (docs/fence.md). */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Adds the two tables. */
export const givenUp: Migration = {
  async up(db: Kysely<{ witness: { id: string } }>) {
    await db.schema
      .createTable('given_up')
      .addColumn('tenant', 'text', (column) => column.primaryKey())
      .addColumn('epoch', 'bigint', (column) => column.notNull())
      .addColumn('serial', 'bigint', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('witness')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .execute();
    await db.insertInto('witness').values({ id: randomUUID() }).execute();
  },
};
