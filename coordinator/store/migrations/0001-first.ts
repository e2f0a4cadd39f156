/** The first schema. Never changed once released: what comes later is a migration of its own. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Creates every table of the first release. */
export const first: Migration = {
  async up(db: Kysely<unknown>) {
    const { schema } = db;
    await schema
      .createTable('counters')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('value', 'bigint', (column) => column.notNull())
      .execute();
    await schema
      .createTable('tenants')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('display_name', 'text', (column) => column.notNull())
      .addColumn('team', 'text', (column) => column.notNull())
      .addColumn('retention', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('deleting', 'integer', (column) => column.notNull())
      .execute();
    await schema
      .createTable('observations')
      .addColumn('tenant', 'text', (column) => column.primaryKey())
      .addColumn('observation', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createTable('revisions')
      .addColumn('number', 'bigint', (column) => column.primaryKey())
      .addColumn('scope_kind', 'text', (column) => column.notNull())
      .addColumn('scope_name', 'text', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('payload', 'text', (column) => column.notNull())
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute();
    await schema
      .createIndex('revisions_of_scope')
      .on('revisions')
      .columns(['kind', 'scope_kind', 'scope_name', 'number'])
      .execute();
    await schema
      .createTable('receipts')
      .addColumn('tenant', 'text', (column) => column.notNull())
      .addColumn('receipt_id', 'text', (column) => column.notNull())
      .addColumn('number', 'bigint', (column) => column.notNull().unique())
      .addColumn('kind', 'integer', (column) => column.notNull())
      .addColumn('receipt', 'text', (column) => column.notNull())
      .addColumn('received_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('receipts_key', ['tenant', 'receipt_id'])
      .execute();
    await schema.createIndex('receipts_of_tenant').on('receipts').columns(['tenant', 'kind', 'number']).execute();
    await schema
      .createTable('audit')
      .addColumn('id', 'bigint', (column) => column.primaryKey())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('action', 'text', (column) => column.notNull())
      .addColumn('target', 'text', (column) => column.notNull())
      .addColumn('summary', 'text', (column) => column.notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .execute();
    await schema.createIndex('audit_of_target').on('audit').columns(['target', 'id']).execute();
    await schema
      .createTable('events')
      .addColumn('id', 'bigint', (column) => column.primaryKey())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('tenant', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .addColumn('receipt', 'text', (column) => column.notNull())
      .execute();
    await schema.createIndex('events_of_tenant').on('events').columns(['tenant', 'id']).execute();
    await schema
      .createTable('runtimes')
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('platform', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('bytes', 'bigint', (column) => column.notNull())
      .addColumn('node_range', 'text', (column) => column.notNull())
      .addColumn('integrity', 'text', (column) => column.notNull())
      .addColumn('built_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('runtimes_key', ['version', 'platform'])
      .execute();
  },
};
