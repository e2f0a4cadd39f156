/** Holdings that were given up, in the database: the newest of each tenant. Always read anew, never from memory: another coordinator may have written it. */
import type { Change, Queries, Store } from '../store/store.ts';
import { type Holding, isLater } from './holding.ts';

/** The table. */
export class GivenUpHoldings {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Which database this is: what one gave up another does not know of. Made with the table. */
  async witnessId(): Promise<string> {
    const { id } = await this.#store.db.selectFrom('witness').select('id').executeTakeFirstOrThrow();
    return id;
  }

  /** The newest that was given up; undefined when none was. Within a change, pass its `db`. */
  async find(tenant: string, db: Queries = this.#store.db): Promise<Holding | undefined> {
    return db.selectFrom('given_up').select(['epoch', 'serial']).where('tenant', '=', tenant).executeTakeFirst();
  }

  /** Gives a holding up as part of a change, unless that or a later one was; false then. */
  async giveUp(change: Change, tenant: string, { epoch, serial }: Holding): Promise<boolean> {
    // One statement, so that of two at a time the later holding is what stays.
    const { numInsertedOrUpdatedRows } = await change.db
      .insertInto('given_up')
      .values({ tenant, epoch, serial })
      .onConflict((conflict) =>
        conflict
          .column('tenant')
          .doUpdateSet({ epoch, serial })
          .where(({ eb, or, and }) =>
            or([
              eb('given_up.epoch', '<', epoch),
              and([eb('given_up.epoch', '=', epoch), eb('given_up.serial', '<', serial)]),
            ]),
          ),
      )
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  /** Whether nothing was given up that this holding is part of. */
  async isStanding(tenant: string, holding: Holding): Promise<boolean> {
    const givenUp = await this.find(tenant);
    return givenUp === undefined || isLater(holding, givenUp);
  }

  /** Forgets a tenant that is deleted. */
  async removeTenant(change: Change, tenant: string): Promise<void> {
    await change.db.deleteFrom('given_up').where('tenant', '=', tenant).execute();
  }
}
