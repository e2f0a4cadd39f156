/** Brings a database to the schema of this program, or refuses one that is ahead of it. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { first } from './migrations/0001-first.ts';
import { givenUp } from './migrations/0002-given-up.ts';
import { bundles } from './migrations/0004-bundles.ts';
import { history } from './migrations/0005-history.ts';

/**
 * Every change of the schema, in order. Names are zero-padded ASCII on purpose: Kysely sorts them by code unit when it loads them and by locale
 * when it compares them with what was executed.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-given-up': givenUp,
  '0004-bundles': bundles,
  '0005-history': history,
};

/** Name of Kysely's own table of what was executed. */
const EXECUTED = 'kysely_migration';

/** Runs what is pending, in one transaction. Throws `failed_precondition`, having changed nothing, when the schema is newer than this program. */
export async function migrate<Tables>(db: Kysely<Tables>, where: string, known = migrations): Promise<void> {
  await refuseNewer(db, where, known);
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => known } }).migrateToLatest();
  if (error === undefined) return;
  throw new OpenCraneError('internal', 'migration_failed', `bringing the schema of ${where} up to date`, {
    cause: error,
    mend: 'the database is as it was before; the cause is in the log',
  });
}

async function refuseNewer<Tables>(
  db: Kysely<Tables>,
  where: string,
  known: Readonly<Record<string, Migration>>,
): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === EXECUTED)) return;
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(EXECUTED)} order by name`.execute(db);
  const unknown = rows.filter(({ name }) => !(name in known));
  const newest = unknown.at(-1);
  if (newest === undefined) return;
  const ours = Object.keys(known).toSorted().at(-1) ?? 'none';
  throw new OpenCraneError(
    'failed_precondition',
    'schema_newer',
    `${where} has schema ${newest.name}; this program knows schemas up to ${ours}`,
    { field: 'store', mend: 'start the newer OpenCrane that wrote it, or restore a copy from before its upgrade' },
  );
}
