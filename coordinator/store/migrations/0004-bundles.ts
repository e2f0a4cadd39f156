/** Which version each bundle is of that was ever built: agents may read those of the versions that were wanted of their tenant. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

type Before = { runtimes: { digest: string; version: string } };
type After = Before & { bundles: { digest: string; version: string } };

/** Adds the table, with the bundles that there are. */
export const bundles: Migration = {
  async up(db: Kysely<After>) {
    await db.schema
      .createTable('bundles')
      .addColumn('digest', 'text', (column) => column.primaryKey())
      .addColumn('version', 'text', (column) => column.notNull())
      .execute();
    await db
      .insertInto('bundles')
      .columns(['digest', 'version'])
      .expression((eb) =>
        eb
          .selectFrom('runtimes')
          .select((of) => ['digest', of.fn.max('version').as('version')])
          .groupBy('digest'),
      )
      .execute();
  },
};
