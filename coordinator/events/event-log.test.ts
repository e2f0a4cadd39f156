import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { ProgressSchema, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ReceiptStore } from '../receipts/receipt-store.ts';
import type { Store } from '../store/store.ts';
import { onEachDatabase } from '../store/testing.ts';
import { EventLog, type Followed } from './event-log.ts';

function happen(store: Store, log: EventLog, tenant: string, message: string): Promise<void> {
  return store.transaction((change) => log.record(change, { tenant, reason: 'Happened', message }));
}

function words(followed: Followed): string {
  return 'kept' in followed ? `${followed.kept.id} ${followed.kept.message}` : `progress ${followed.progress.step}`;
}

async function take(events: AsyncGenerator<Followed>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(words(value));
  }
  return taken;
}

onEachDatabase((database) => {
  test('a follower resumes after the last number it saw and misses nothing', async (t) => {
    const store = await database.store(t);
    const log = new EventLog(store, new ManualClock());
    const stop = new AbortController();
    await happen(store, log, 'jente', 'one');
    await happen(store, log, 'jente', 'two');
    const events = log.follow({ tenant: '', afterId: 1, follow: true }, stop.signal);
    assert.deepEqual(await take(events, 1), ['2 two']);
    const next = take(events, 2);
    await happen(store, log, 'jente', 'three');
    await happen(store, log, 'other', 'four');
    assert.deepEqual(await next, ['3 three', '4 four']);
    const end = events.next();
    stop.abort();
    assert.equal((await end).done, true);
    assert.equal(log.followers, 0, 'nothing stays behind');
  });

  test('a filter, kept events only, and the end of those who do not follow', async (t) => {
    const store = await database.store(t);
    const log = new EventLog(store, new ManualClock());
    const receipts = new ReceiptStore(store, new ManualClock());
    const receipt = create(ReceiptSchema, { receiptId: 'r', message: 'no' });
    await happen(store, log, 'other', 'one');
    await store.transaction(async (change) => {
      await receipts.keep(change, 'other', create(ReceiptSchema, { receiptId: 'r', message: "another tenant's" }));
      await receipts.keep(change, 'jente', receipt);
      await log.record(change, { tenant: 'jente', reason: 'R', message: 'two', receipt });
    });
    const { signal } = new AbortController();
    const kept = await Array.fromAsync(log.follow({ tenant: 'jente', afterId: 0, follow: false }, signal));
    assert.deepEqual(kept.map(words), ['2 two']);
    const [only] = kept;
    assert.ok(only && 'kept' in only);
    assert.equal(only.kept.receipt?.message, 'no');
    assert.doesNotMatch(
      JSON.stringify(await store.db.selectFrom('events').selectAll().execute()),
      /"no"/,
      'stored once',
    );
    assert.deepEqual(await Array.fromAsync(log.follow({ tenant: '', afterId: -1, follow: false }, signal)), []);
  });

  test('events from before a time go, oldest first and so many at once; a follower goes on after them', async (t) => {
    const store = await database.store(t);
    const clock = new ManualClock(1_000);
    const log = new EventLog(store, clock);
    for (const message of ['one', 'two', 'three']) await happen(store, log, 'jente', message);
    clock.advance(1_000);
    await happen(store, log, 'jente', 'four');
    assert.equal(await log.newestAt(), clock.now());
    assert.equal(await log.prune(1_000, 500), 0, 'from before that time, not at it');
    assert.equal(await log.prune(2_000, 2), 2);
    const { signal } = new AbortController();
    const all = () => Array.fromAsync(log.follow({ tenant: '', afterId: 1, follow: false }, signal));
    assert.deepEqual((await all()).map(words), ['3 three', '4 four']);
    assert.equal(await log.prune(2_000, 2), 1);
    await happen(store, log, 'jente', 'five');
    assert.deepEqual((await all()).map(words), ['4 four', '5 five'], 'numbers are never given again');
  });

  test('of progress a slow follower gets the newest of each tenant', async (t) => {
    const store = await database.store(t);
    const log = new EventLog(store, new ManualClock());
    const stop = new AbortController();
    await happen(store, log, 'jente', 'begin');
    const events = log.follow({ tenant: '', afterId: 0, follow: true }, stop.signal);
    assert.deepEqual(await take(events, 1), ['1 begin']);
    for (const step of ['download', 'unpack', 'start']) log.progress('jente', create(ProgressSchema, { step }));
    log.progress('other', create(ProgressSchema, { step: 'download' }));
    assert.deepEqual(await take(events, 2), ['progress start', 'progress download']);
    stop.abort();
    assert.equal((await events.next()).done, true);
  });

  test('more events than one page holds come in order', async (t) => {
    const store = await database.store(t);
    const log = new EventLog(store, new ManualClock());
    await store.transaction(async (change) => {
      for (let index = 1; index <= 1_001; index += 1) {
        await log.record(change, { tenant: 'jente', reason: 'Happened', message: 'again' });
      }
    });
    const { signal } = new AbortController();
    const ids: number[] = [];
    for await (const one of log.follow({ tenant: '', afterId: 0, follow: false }, signal)) {
      if ('kept' in one) ids.push(one.kept.id);
    }
    assert.deepEqual(
      ids,
      Array.from({ length: 1_001 }, (_, index) => index + 1),
    );
  });
});
