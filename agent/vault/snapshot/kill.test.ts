import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Body, Generation, ObjectName } from '../../bucket/bucket.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { MemoryBucket, seededRandom } from '../testing.ts';
import type { Snapshotter } from './snapshotter.ts';
import { TestState } from './testing.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});

const noise = seededRandom('content');

/** A folder with a snapshot, and changes that none has yet. */
async function changedState(bucket = new MemoryBucket()): Promise<{ state: TestState; snapshotter: Snapshotter }> {
  const state = await TestState.make(bucket);
  states.push(state);
  const at = (name: string) => join(state.root, name);
  for (const name of ['stays', 'grows', 'goes']) writeFileSync(at(name), noise(5000));
  write(at('x.sqlite'), 'one');
  const snapshotter = await state.open();
  await state.take(snapshotter);
  rmSync(at('goes'));
  appendFileSync(at('grows'), noise(10));
  writeFileSync(at('new'), noise(300_000));
  write(at('x.sqlite'), 'two');
  return { state, snapshotter };
}

function write(path: string, text: string): void {
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text)',
  );
  database.prepare('INSERT OR REPLACE INTO t VALUES (1, ?)').run(text);
  database.close();
}

/** Every snapshot can be restored, and the newest one after another try is what the folder is. */
async function assertSound(state: TestState, snapshotter: Snapshotter, what: string): Promise<void> {
  for (const { name } of await listSnapshots(state.vault)) if (state.taken.has(name)) await state.assertRestores(name);
  await state.take(snapshotter, 'change');
  await state.assertNewestIsNow();
  assert.equal(await state.take(snapshotter, 'change'), undefined, `${what}: nothing is left to store`);
  // And what comes then goes on from there.
  appendFileSync(join(state.root, 'grows'), 'more');
  assert.ok(await state.take(snapshotter, 'change'), what);
  await state.assertNewestIsNow();
}

const steps = ['scanned', 'captured', 'pack', 'packs', 'manifest', 'head', 'done'];
for (const step of steps) {
  for (const who of ['the process that comes after', 'the same process'] as const) {
    test(`ended at snapshot:${step}, ${who} goes on`, async () => {
      const { state, snapshotter } = await changedState();
      const log = readFileSync(state.beside('seen.jsonl'));
      state.onStep = (at) => {
        if (at === `snapshot:${step}`) throw new Error('ended here');
      };
      await assert.rejects(state.take(snapshotter), { message: /ended here/ });
      state.onStep = () => {};
      // A process that was killed has not written what came after.
      if (who === 'the process that comes after' && step === 'head') writeFileSync(state.beside('seen.jsonl'), log);
      await assertSound(state, who === 'the same process' ? snapshotter : await state.open(), step);
    });
  }
}

/** A bucket that fails at one call: before it is done, or when it is done and the answer is lost. */
class FailingBucket extends MemoryBucket {
  left = Number.POSITIVE_INFINITY;
  losesAnswers = false;

  override async create(name: ObjectName, body: Body): Promise<Generation | 'exists'> {
    return this.#perhaps(() => super.create(name, body));
  }

  override async replace(name: ObjectName, body: Uint8Array, generation: Generation): Promise<Generation | 'conflict'> {
    return this.#perhaps(() => super.replace(name, body, generation));
  }

  async #perhaps<T>(call: () => Promise<T>): Promise<T> {
    this.left -= 1;
    const fails = this.left < 0 && this.left >= -1;
    if (fails && !this.losesAnswers) throw new OpenCraneError('unavailable', 'away', 'the bucket is away');
    const answer = await call();
    if (fails) throw new OpenCraneError('unavailable', 'away', 'no answer came');
    return answer;
  }
}

for (const losesAnswers of [false, true]) {
  for (const restarts of [false, true]) {
    const how = losesAnswers ? 'loses its answer' : 'fails';
    test(`each writing ${how}, and ${restarts ? 'another' : 'the same'} process goes on`, async () => {
      for (let left = 0; ; left += 1) {
        const bucket = new FailingBucket();
        const { state, snapshotter } = await changedState(bucket);
        bucket.losesAnswers = losesAnswers;
        bucket.left = left;
        const outcome = await state.take(snapshotter).catch((error: unknown) => error);
        const isOver = bucket.left >= 0; // the snapshot needed no more calls than these
        bucket.left = Number.POSITIVE_INFINITY;
        if (!isOver) assert.ok(outcome instanceof OpenCraneError && outcome.reason === 'away', String(outcome));
        await assertSound(state, restarts ? await state.open() : snapshotter, `call ${left}`);
        if (isOver) {
          assert.ok(left >= 3, 'pack, manifest and head');
          return;
        }
      }
    });
  }
}

test('a snapshot that is called off leaves nothing under way, and the next one stores all', async () => {
  const { state, snapshotter } = await changedState();
  const abort = new AbortController();
  state.onStep = (step) => {
    if (step === 'snapshot:captured') abort.abort();
  };
  const request = { reason: 'change', openclawVersion: null } as const;
  await assert.rejects(snapshotter.snapshot(request, abort.signal), { code: 'cancelled' });
  state.onStep = () => {};
  await assertSound(state, snapshotter, 'called off');
});

test('snapshots that are asked for at once are taken one after the other', async () => {
  const { state, snapshotter } = await changedState();
  const request = { reason: 'change', openclawVersion: null } as const;
  const signal = new AbortController().signal;
  const results = await Promise.all([1, 2, 3].map(() => snapshotter.snapshot(request, signal)));
  assert.deepEqual(
    results.map((result) => result?.sequence),
    [2, undefined, undefined],
  );
  await state.assertNewestIsNow();
});
