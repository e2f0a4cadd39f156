/** The two databases that OpenCrane runs on, opened so that they behave alike. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { type Dialect, type Driver, PostgresDialect, SqliteAdapter, SqliteDialect } from 'kysely';
import pg from 'pg';
import { explain } from './database-error.ts';

/** A SQLite database in a file, which is created when there is none. */
export function sqliteDialect(path: string): Dialect {
  return new SqliteWithTransactionalSchema({
    database: async () => {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        const database = new SqliteDatabase(path, { timeout: 5_000 });
        database.pragma('journal_mode = WAL');
        database.pragma('synchronous = FULL'); // in WAL mode NORMAL may lose the last commits with the power
        database.pragma('foreign_keys = ON');
        return database;
      } catch (cause) {
        throw explain(cause, `opening the database ${path}`);
      }
    },
  });
}

/** A Postgres database behind a pool. */
export function postgresDialect(url: string, onIdleError: (error: Error) => void): Dialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 10_000,
    application_name: 'opencrane-coordinator',
    types: { getTypeParser: parserOf },
  });
  pool.on('error', onIdleError); // an idle client whose server went away; unheard it would end the process
  return new PostgresWithQuietRollback({ pool });
}

/** Schema changes of SQLite are transactional; Kysely's adapter says otherwise and would leave half a migration behind. */
class SqliteWithTransactionalSchema extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }

  override createDriver(): Driver {
    return withQuietRollback(super.createDriver());
  }
}

class PostgresWithQuietRollback extends PostgresDialect {
  override createDriver(): Driver {
    return withQuietRollback(super.createDriver());
  }
}

/**
 * Kysely rolls back after an error and, when that fails too, throws that second error in place of the first. It says nothing: on
 * a full disk SQLite has rolled back by itself ("no transaction is active"), and Postgres has when its connection is gone, which
 * Kysely's driver then discards.
 */
function withQuietRollback(driver: Driver): Driver {
  const rollback = driver.rollbackTransaction.bind(driver);
  driver.rollbackTransaction = (connection) => rollback(connection).catch(() => {});
  return driver;
}

class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** pg gives 64-bit integers as text, because a number may not hold them. Ours are counters and times, which it does hold. */
const parserOf: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') => {
  if (oid === pg.types.builtins.INT8 && format !== 'binary') return wholeNumber;
  return pg.types.getTypeParser(oid, format);
};

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${text} in the database is more than a number holds`);
}
