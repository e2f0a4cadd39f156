/** Events name the receipt that they are about instead of repeating it, and what is old can be found by its time. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { z } from 'zod';

type Events = { events: { id: number; receipt: string; receipt_id: string } };

/** Events that are rewritten at once. */
const PAGE = 500;

const stored = z.object({ receiptId: z.string().default('') });

/** Moves the receipts out of the events, and adds the indexes that retention goes by. */
export const history: Migration = {
  async up(db: Kysely<Events>) {
    const { schema } = db;
    const id = schema.alterTable('events').addColumn('receipt_id', 'text', (column) => column.notNull().defaultTo(''));
    await id.execute();
    for (let last = -1, more = true; more; ) {
      const page = await db
        .selectFrom('events')
        .select(['id', 'receipt'])
        .where('receipt', '!=', '')
        .where('id', '>', last)
        .orderBy('id')
        .limit(PAGE)
        .execute();
      for (const event of page) {
        const { receiptId } = stored.parse(JSON.parse(event.receipt));
        await db.updateTable('events').set({ receipt_id: receiptId }).where('id', '=', event.id).execute();
      }
      last = page.at(-1)?.id ?? last;
      more = page.length === PAGE;
    }
    await schema.alterTable('events').dropColumn('receipt').execute();
    await schema.createIndex('events_by_time').on('events').column('at').execute();
    await schema.createIndex('receipts_by_time').on('receipts').column('received_at').execute();
  },
};
