/** What agents answered to offers: every attempt, failed ones too, each once. */
import { fromJsonString, toJsonString } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Kind, type Receipt, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Change, Store } from '../store/store.ts';

/** Receipts in the database. */
export class ReceiptStore {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Keeps a receipt as part of a change; false when it was kept before, because agents send one until they know it is. */
  async keep(change: Change, tenant: string, receipt: Receipt): Promise<boolean> {
    const values = {
      tenant,
      receipt_id: receipt.receiptId,
      number: await change.next('receipt'),
      kind: receipt.kind,
      receipt: toJsonString(ReceiptSchema, receipt),
      received_at: this.#clock.now(),
    };
    const { numInsertedOrUpdatedRows } = await change.db
      .insertInto('receipts')
      .values(values)
      .onConflict((conflict) => conflict.columns(['tenant', 'receipt_id']).doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  /** A tenant's receipts of a kind, newest first. */
  async list(tenant: string, kind: Kind, limit: number): Promise<Receipt[]> {
    const rows = await this.#store.db
      .selectFrom('receipts')
      .select('receipt')
      .where('tenant', '=', tenant)
      .where('kind', '=', kind)
      .orderBy('number', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ receipt }) => decode(receipt));
  }

  /** Every tenant's newest receipt of each kind. */
  async newestOfEveryTenant(): Promise<{ readonly tenant: string; readonly receipt: Receipt }[]> {
    const newest = this.#store.db
      .selectFrom('receipts')
      .select((eb) => eb.fn.max('number').as('number'))
      .groupBy(['tenant', 'kind']);
    const rows = await this.#store.db
      .selectFrom('receipts')
      .select(['tenant', 'receipt'])
      .where('number', 'in', newest)
      .orderBy('number')
      .execute();
    return rows.map(({ tenant, receipt }) => ({ tenant, receipt: decode(receipt) }));
  }

  /**
   * Removes the oldest receipts that came before a time, at most so many; resolves with how many that were. The newest of
   * a tenant and kind stays at any age: it says what serves.
   */
  async prune(before: number, most: number): Promise<number> {
    return this.#store.transaction(async ({ db }) => {
      const old = db
        .selectFrom('receipts')
        .select('number')
        .where('received_at', '<', before)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('receipts as newer')
              .select('newer.number')
              .whereRef('newer.tenant', '=', 'receipts.tenant')
              .whereRef('newer.kind', '=', 'receipts.kind')
              .whereRef('newer.number', '>', 'receipts.number'),
          ),
        )
        .orderBy('received_at')
        .limit(most);
      const { numDeletedRows } = await db.deleteFrom('receipts').where('number', 'in', old).executeTakeFirst();
      return Number(numDeletedRows);
    });
  }

  /** Removes the receipts of a tenant that is deleted. */
  async removeTenant(change: Change, tenant: string): Promise<void> {
    await change.db.deleteFrom('receipts').where('tenant', '=', tenant).execute();
  }
}

function decode(text: string): Receipt {
  return fromJsonString(ReceiptSchema, text, { ignoreUnknownFields: true });
}
