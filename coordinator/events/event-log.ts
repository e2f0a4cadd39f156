/**
 * What happens to tenants. Events are kept in the database and numbered in the order of their commits, so that a
 * follower resumes after the last number it saw. Progress is not kept: only the newest of a tenant reaches a follower.
 */
import { fromJsonString } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Progress, type Receipt, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Change, Store } from '../store/store.ts';
import { Wakeup } from './wakeup.ts';

/** An event, as it is recorded. */
export type EventRecord = {
  /** Empty when it is about the coordinator. */
  readonly tenant: string;
  /** What happened, such as `AgentConnected`. */
  readonly reason: string;
  /** One line for a person. */
  readonly message: string;
  /** The receipt that it is about, which is kept beside it (receipts/receipt-store.ts), maybe for less time. */
  readonly receipt?: Receipt;
};

/** An event that is kept. */
export type KeptEvent = EventRecord & { readonly id: number; readonly at: number };

/** What a follower gets. */
export type Followed =
  | { readonly kept: KeptEvent }
  | { readonly progress: Progress; readonly tenant: string; readonly at: number };

type Filter = { readonly tenant: string; readonly afterId: number; readonly follow: boolean };

type Follower = { readonly tenant: string; readonly bell: Wakeup; readonly progress: Map<string, Progress> };

/** Events that a follower reads at once. */
const PAGE = 500;

/** The events in the database, and those who follow them in this process. */
export class EventLog {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #followers = new Set<Follower>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Writes an event as part of a change. Comes after the change's revisions: locks are taken in one order. */
  async record(change: Change, { receipt, ...event }: EventRecord): Promise<void> {
    const id = await change.next('event');
    await change.db
      .insertInto('events')
      .values({ id, at: this.#clock.now(), ...event, receipt_id: receipt?.receiptId ?? '' })
      .execute();
    change.afterCommit(() => this.#ring(event.tenant));
  }

  /** Removes what happened to a tenant that is deleted. */
  async removeTenant(change: Change, tenant: string): Promise<void> {
    await change.db.deleteFrom('events').where('tenant', '=', tenant).execute();
  }

  /** When the newest event was recorded; undefined when there is none. */
  async newestAt(): Promise<number | undefined> {
    const newest = await this.#store.db
      .selectFrom('events')
      .select('at')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return newest && Number(newest.at);
  }

  /** Removes the oldest events from before a time, at most so many; resolves with how many that were. */
  async prune(before: number, most: number): Promise<number> {
    return this.#store.transaction(async ({ db }) => {
      const old = db.selectFrom('events').select('id').where('at', '<', before).orderBy('at').limit(most);
      const { numDeletedRows } = await db.deleteFrom('events').where('id', 'in', old).executeTakeFirst();
      return Number(numDeletedRows);
    });
  }

  /** Tells followers how far something is; the newest word of a tenant takes the place of the one before. */
  progress(tenant: string, progress: Progress): void {
    for (const follower of this.#followers) {
      if (!follows(follower, tenant)) continue;
      follower.progress.set(tenant, progress);
      follower.bell.wake();
    }
  }

  /**
   * Kept events after `afterId` (-1 for none of them) and, with `follow`, each new one until the signal fires. A slow
   * reader costs nothing: it is only rung, and reads what came from the database.
   */
  async *follow({ tenant, afterId, follow }: Filter, signal: AbortSignal): AsyncGenerator<Followed> {
    const follower: Follower = { tenant, bell: new Wakeup(), progress: new Map() };
    if (follow) this.#followers.add(follower); // before the first read, so that nothing falls in between
    try {
      let last = afterId < 0 ? await this.#newestId() : afterId;
      while (!signal.aborted) {
        const page = await this.#page(tenant, last);
        for (const kept of page) yield { kept };
        last = page.at(-1)?.id ?? last;
        if (page.length === PAGE) continue;
        if (!follow) return;
        yield* this.#takeProgress(follower);
        await follower.bell.wait(signal);
      }
    } finally {
      this.#followers.delete(follower);
    }
  }

  /** How many follow. */
  get followers(): number {
    return this.#followers.size;
  }

  *#takeProgress({ progress }: Follower): Generator<Followed> {
    for (const [tenant, newest] of progress) {
      progress.delete(tenant);
      yield { progress: newest, tenant, at: this.#clock.now() };
    }
  }

  async #newestId(): Promise<number> {
    const row = await this.#store.db
      .selectFrom('events')
      .select((eb) => eb.fn.max('id').as('id'))
      .executeTakeFirst();
    return row?.id ?? 0;
  }

  async #page(tenant: string, afterId: number): Promise<KeptEvent[]> {
    let query = this.#store.db
      .selectFrom('events')
      .leftJoin('receipts', (join) =>
        join.onRef('receipts.tenant', '=', 'events.tenant').onRef('receipts.receipt_id', '=', 'events.receipt_id'),
      )
      .select(['events.id', 'events.at', 'events.tenant', 'events.reason', 'events.message', 'receipts.receipt'])
      .where('events.id', '>', afterId)
      .orderBy('events.id')
      .limit(PAGE);
    if (tenant !== '') query = query.where('events.tenant', '=', tenant);
    const rows = await query.execute();
    return rows.map(({ receipt, ...event }) => ({
      ...event,
      ...(receipt !== null && { receipt: fromJsonString(ReceiptSchema, receipt, { ignoreUnknownFields: true }) }),
    }));
  }

  #ring(tenant: string): void {
    for (const follower of this.#followers) if (follows(follower, tenant)) follower.bell.wake();
  }
}

function follows(follower: Follower, tenant: string): boolean {
  return follower.tenant === '' || follower.tenant === tenant;
}
