/** The database: queries, and changes as transactions that tell others only once they are committed. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { Kysely, type Transaction } from 'kysely';
import { CountersInUse } from './counters-in-use.ts';
import { explain, isWorthRetrying } from './database-error.ts';
import { postgresDialect, sqliteDialect } from './dialects.ts';
import { migrate } from './migrate.ts';
import type { Counter, Schema } from './schema.ts';

/** Where rows are read: the store outside of a change, the transaction inside of one. */
export type Queries = Kysely<Schema>;

/** A transaction that is under way. */
export interface Change {
  readonly db: Transaction<Schema>;
  /** The next number of a counter. Others who want one wait until this change is committed. */
  next(counter: Counter): Promise<number>;
  /** Waits until nobody else is between taking a number of this counter and committing; then keeps others waiting. */
  lock(counter: Counter): Promise<void>;
  /** Does something after the commit, and not at all when there is none. It must not throw. */
  afterCommit(action: () => void): void;
}

/** Times that a transaction is tried when Postgres gives it up for another one. */
const ATTEMPTS = 5;

/** An open database. */
export class Store {
  readonly #kysely: Kysely<Schema>;
  readonly #underWay = new AsyncLocalStorage<{ open: boolean }>();

  private constructor(kysely: Kysely<Schema>) {
    this.#kysely = kysely;
  }

  /** Opens `location`, the path of a SQLite file or a `postgres://` URL, and brings its schema up to date. */
  static async open(location: string, log: Logger): Promise<Store> {
    const isPostgres = /^postgres(ql)?:\/\//.test(location);
    const dialect = isPostgres
      ? postgresDialect(location, (err) => log.warn({ err }, 'an idle database connection failed'))
      : sqliteDialect(location);
    const kysely = new Kysely<Schema>({ dialect });
    const where = isPostgres ? 'the Postgres database' : `the database ${location}`; // a URL may hold a password
    try {
      await migrate(kysely, where);
      return new Store(kysely);
    } catch (cause) {
      await kysely.destroy();
      throw explain(cause, `opening ${where}`);
    }
  }

  /** For reading outside of changes. Inside of one it throws: on SQLite, which has one connection, it would wait for itself. */
  get db(): Queries {
    this.#refuseInside('reading around a transaction');
    return this.#kysely;
  }

  /**
   * Commits everything that `work` writes, or nothing. It may run more than once, so it does nothing but read and
   * write through the change. On SQLite transactions come one after the other.
   */
  async transaction<T>(work: (change: Change) => Promise<T>): Promise<T> {
    this.#refuseInside('beginning a transaction within another');
    for (let attempt = 1; ; attempt += 1) {
      const actions: (() => void)[] = [];
      try {
        const result = await this.#attempt(work, actions);
        for (const action of actions) action();
        return result;
      } catch (cause) {
        if (attempt >= ATTEMPTS || !isWorthRetrying(cause)) throw explain(cause, 'writing to the database');
      }
    }
  }

  /** Closes every connection, after the queries that are under way. */
  async close(): Promise<void> {
    await this.#kysely.destroy();
  }

  #attempt<T>(work: (change: Change) => Promise<T>, actions: (() => void)[]): Promise<T> {
    return this.#kysely.transaction().execute(async (db) => {
      const mark = { open: true };
      const counters = new CountersInUse(db);
      const change: Change = {
        db,
        next: (counter) => counters.next(counter),
        lock: (counter) => counters.lock(counter),
        afterCommit: (action) => actions.push(action),
      };
      try {
        const result = await this.#underWay.run(mark, () => work(change));
        await counters.write();
        return result;
      } finally {
        mark.open = false;
      }
    });
  }

  #refuseInside(doing: string): void {
    if (this.#underWay.getStore()?.open !== true) return;
    throw new OpenCraneError('internal', 'transaction_nested', `${doing}: use the change at hand`);
  }
}
