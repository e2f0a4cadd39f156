/**
 * The counters that one transaction takes numbers from. A row stays locked until the transaction ends, so numbers come
 * in the order of commits; it is read once and written once, however many numbers are taken.
 */
import type { Transaction } from 'kysely';
import type { Counter, Schema } from './schema.ts';

/** Counters that are locked. */
export class CountersInUse {
  readonly #db: Transaction<Schema>;
  /** By counter, the last number taken; a promise while the row is being locked. */
  readonly #last = new Map<Counter, Promise<{ value: number; taken: boolean }>>();

  constructor(db: Transaction<Schema>) {
    this.#db = db;
  }

  /** The next number. */
  async next(counter: Counter): Promise<number> {
    const last = await this.#locked(counter);
    last.value += 1;
    last.taken = true;
    return last.value;
  }

  /** Locks a counter without taking a number. */
  async lock(counter: Counter): Promise<void> {
    await this.#locked(counter);
  }

  /** Writes what was taken; the last thing before the commit. */
  async write(): Promise<void> {
    for (const [name, locked] of this.#last) {
      const { value, taken } = await locked;
      if (taken) await this.#db.updateTable('counters').set({ value }).where('name', '=', name).execute();
    }
  }

  #locked(counter: Counter): Promise<{ value: number; taken: boolean }> {
    const known = this.#last.get(counter);
    if (known !== undefined) return known;
    const locked = lock(this.#db, counter);
    this.#last.set(counter, locked);
    return locked;
  }
}

/** A write that changes nothing: what locks a row on Postgres and is harmless on SQLite, which knows no `for update`. */
async function lock(db: Transaction<Schema>, name: Counter): Promise<{ value: number; taken: boolean }> {
  const { value } = await db
    .insertInto('counters')
    .values({ name, value: 0 })
    .onConflict((conflict) => conflict.column('name').doUpdateSet((eb) => ({ value: eb.ref('counters.value') })))
    .returning('value')
    .executeTakeFirstOrThrow();
  return { value, taken: false };
}
