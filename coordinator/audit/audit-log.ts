/** The audit log. An entry is written in the transaction of the change it is about, so that neither is there without the other. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';
import type { Change, Store } from '../store/store.ts';

/** One change, as it is recorded. */
export type AuditRecord = {
  /** Who, such as `admin` or `tenant/jente`. */
  readonly actor: string;
  /** What was done, such as `config.update`. */
  readonly action: string;
  /** To what, such as `tenant/jente`. */
  readonly target: string;
  /** The change in a line. Values of the configuration are not for it: they may be secrets. */
  readonly summary: string;
  /** Revision the change made, where it made one. */
  readonly revision?: number;
};

/** One entry, as it is read. */
export type AuditEntry = Selectable<Schema['audit']>;

/** The log in the database. */
export class AuditLog {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Writes an entry as part of a change. */
  async record(change: Change, { revision = 0, ...record }: AuditRecord): Promise<void> {
    const id = await change.next('audit');
    await change.db
      .insertInto('audit')
      .values({ id, at: this.#clock.now(), ...record, revision })
      .execute();
  }

  /** Entries, newest first; an empty target means all, `beforeId` 0 the newest. */
  async list({ target, beforeId, limit }: { target: string; beforeId: number; limit: number }): Promise<AuditEntry[]> {
    let query = this.#store.db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit);
    if (target !== '') query = query.where('target', '=', target);
    if (beforeId > 0) query = query.where('id', '<', beforeId);
    return query.execute();
  }
}
