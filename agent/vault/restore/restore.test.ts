import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { manifestRef } from '../format/object-ids.ts';
import { findSnapshot, listSnapshots } from '../history/find-snapshot.ts';
import { SeenLog } from '../snapshot/seen-log.ts';
import { never, silent, TestState } from '../snapshot/testing.ts';
import { assertSameTree, listTree, seededRandom } from '../testing.ts';
import { type RestorePorts, type RestoreRequest, restore } from './restore.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});

const noise = seededRandom('content');
const quiet: RestorePorts = { clock: systemClock, onStep: () => {}, onProgress: () => {} };

/** A folder with three snapshots. */
async function threeSnapshots(): Promise<{ state: TestState; names: ObjectName[] }> {
  const state = await TestState.make();
  states.push(state);
  const at = (name: string) => join(state.root, name);
  mkdirSync(at('agents/main/sessions'), { recursive: true });
  mkdirSync(at('agents/second'), { recursive: true });
  writeFileSync(at('agents/second/notes.md'), 'second');
  const snapshotter = await state.open();
  const names: ObjectName[] = [];
  for (const count of [1, 2, 3]) {
    writeFileSync(at('agents/main/sessions/one.jsonl'), noise(400_000 * count));
    writeFileSync(at(`file-${count}`), `${count}`);
    names.push((await state.take(snapshotter))?.manifest ?? assert.fail('nothing was stored'));
  }
  return { state, names };
}

async function request(state: TestState, name: ObjectName | undefined, more: Partial<RestoreRequest> = {}) {
  assert.ok(name);
  const snapshot = manifestRef(name);
  assert.ok(snapshot);
  return { snapshot, target: state.beside('target'), ...more };
}

test('each snapshot comes back by its time, and by its name', async () => {
  const { state, names } = await threeSnapshots();
  for (const ref of await listSnapshots(state.vault)) {
    for (const millis of [ref.clockMillis, ref.clockMillis + 0.5])
      assert.equal((await findSnapshot(state.vault, { by: 'time', millis, nowMillis: Date.now() }))?.name, ref.name);
    await state.assertRestores(ref.name);
  }
  assert.equal((await findSnapshot(state.vault, { by: 'newest' }))?.name, names.at(-1));
  await assert.rejects(findSnapshot(state.vault, { by: 'time', millis: 5, nowMillis: Date.now() }), {
    reason: 'snapshot_not_found',
  });
});

test('a part comes into a folder of its own: a folder becomes the root, a file lies in it', async () => {
  const { state, names } = await threeSnapshots();
  assertSameTree(
    listTree(await state.restore(names[2] ?? assert.fail(), 'agents/main')),
    listTree(join(state.root, 'agents/main')),
  );
  const one = await state.restore(names[2] ?? assert.fail(), 'agents/second/notes.md');
  assert.deepEqual(readdirSync(one), ['notes.md']);
  assert.equal(readFileSync(join(one, 'notes.md'), 'utf8'), 'second');
  await assert.rejects(state.restore(names[2] ?? assert.fail(), 'agents/third'), { reason: 'path_not_found' });
  await assert.rejects(state.restore(names[0] ?? assert.fail(), 'file-3'), { reason: 'path_not_found' });
});

test('a part reads no pack that it does not need', async () => {
  const { state, names } = await threeSnapshots();
  state.bucket.calls.length = 0;
  await state.restore(names[2] ?? assert.fail(), 'file-2');
  assert.equal(state.bucket.calls.filter((call) => call.startsWith('read vault/packs/')).length, 1);
});

test('nothing is put in the place of anything', async () => {
  const { state, names } = await threeSnapshots();
  const target = state.beside('target');
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), 'x');
  await assert.rejects(restore(state.vault, await request(state, names[0]), quiet, never), {
    reason: 'target_occupied',
    field: target,
  });
  assert.deepEqual(readdirSync(target), ['mine']);
  writeFileSync(state.beside('file'), 'x');
  await assert.rejects(
    restore(state.vault, await request(state, names[0], { target: state.beside('file') }), quiet, never),
  );
  assert.equal(readFileSync(state.beside('file'), 'utf8'), 'x');
  mkdirSync(state.beside('empty'));
  await restore(state.vault, await request(state, names[0], { target: state.beside('empty') }), quiet, never);
  assert.ok(readdirSync(state.beside('empty')).includes('file-1'));
});

for (const step of ['loaded', 'folders', 'written', 'synced', 'done']) {
  test(`ended at restore:${step}, it is whole or not there, and is done anew`, async () => {
    const { state, names } = await threeSnapshots();
    const ask = await request(state, names[1]);
    const onStep = (at: string) => {
      if (at === `restore:${step}`) throw new Error('ended here');
    };
    await assert.rejects(restore(state.vault, ask, { ...quiet, onStep }, never), { message: /ended here/ });
    assert.equal(existsSync(ask.target), step === 'done');
    assert.ok(!existsSync(`${ask.target}.restoring`));
    if (step !== 'done') await restore(state.vault, ask, quiet, never);
    assertSameTree(listTree(ask.target), state.taken.get(ask.snapshot.name) ?? new Map());
    assert.ok(!existsSync(`${ask.target}.restoring`));
  });
}

test('what a crash left of a restore is removed, even where nobody may write', async () => {
  const { state } = await threeSnapshots();
  mkdirSync(join(state.root, 'locked'));
  writeFileSync(join(state.root, 'locked/in'), 'x', { mode: 0o400 });
  chmodSync(join(state.root, 'locked'), 0o500);
  const taken = await state.take(await state.open());
  const ask = await request(state, taken?.manifest);
  mkdirSync(`${ask.target}.restoring/locked`, { recursive: true });
  writeFileSync(`${ask.target}.restoring/locked/old`, 'x');
  chmodSync(`${ask.target}.restoring/locked`, 0o500);
  await restore(state.vault, ask, quiet, never);
  assert.deepEqual(readdirSync(join(ask.target, 'locked')), ['in']);
  assert.equal(statSync(join(ask.target, 'locked')).mode & 0o777, 0o500);
  assert.equal(statSync(join(ask.target, 'locked/in')).mode & 0o777, 0o400);
  for (const folder of [ask.target, state.root]) chmodSync(join(folder, 'locked'), 0o700);
});

test('progress counts up to the bytes of all files', async () => {
  const { state, names } = await threeSnapshots();
  const seen: number[] = [];
  let total = 0;
  const onProgress = (done: number, of: number) => {
    seen.push(done);
    total = of;
  };
  const { bytes, files } = await restore(state.vault, await request(state, names[2]), { ...quiet, onProgress }, never);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  assert.deepEqual([seen.at(-1), total, files], [bytes, bytes, 5]);
});

test('more files than may be open at once, each in many frames', async () => {
  const state = await TestState.make();
  states.push(state);
  const snapshotter = await state.open();
  const contents = Array.from({ length: 80 }, () => Buffer.alloc(3 * 262_144));
  for (let round = 0; round < 3; round += 1) {
    for (const [at, content] of contents.entries()) {
      content.fill(noise(64), round * 262_144, (round + 1) * 262_144);
      writeFileSync(join(state.root, `${at}`), content);
    }
    await state.take(snapshotter);
  }
  await state.assertNewestIsNow();
});

test('after a restore an agent knows what is there: it reads no file and no database to find nothing changed', async () => {
  const { state } = await threeSnapshots();
  const database = new DatabaseSync(join(state.root, 'x.sqlite'));
  database.exec('CREATE TABLE t(a); INSERT INTO t VALUES (1)');
  database.close();
  const taken = await state.take(await state.open());
  const ask = await request(state, taken?.manifest);
  const { seen } = await restore(state.vault, ask, quiet, never);
  assert.ok(seen);
  const seenLog = state.beside('restored.jsonl');
  await new SeenLog(seenLog, state.vault.keys.vaultId, ask.target).write(seen);
  const { Snapshotter } = await import('../snapshot/snapshotter.ts');
  const ports = {
    vault: state.vault,
    root: ask.target,
    seenLog,
    capture: state.capture,
    clock: systemClock,
    onStep: () => {},
    log: silent,
  };
  const snapshotter = await Snapshotter.open(ports, 1, never);
  const capture = state.capture.capture.bind(state.capture);
  state.capture.capture = async (...call) => {
    const captured = await capture(...call);
    return captured && { ...captured, changes: () => assert.fail('the database was read') };
  };
  chmodSync(join(ask.target, 'agents/main/sessions/one.jsonl'), 0o644); // as it is; but its time of change is new
  assert.equal(await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never), undefined);
  state.capture.capture = capture;
  writeFileSync(join(ask.target, 'file-1'), 'new');
  const next = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.equal(next?.changedBytes, 3);
});

test('a restore that is called off leaves no target', async () => {
  const { state, names } = await threeSnapshots();
  const abort = new AbortController();
  const ask = await request(state, names[2]);
  const onStep = (at: string) => {
    if (at === 'restore:folders') abort.abort();
  };
  await assert.rejects(
    restore(state.vault, ask, { ...quiet, onStep }, abort.signal),
    (error: unknown) => error instanceof Error,
  );
  assert.ok(!existsSync(ask.target));
});

test('a head that is lost keeps nobody from a snapshot that is named', async () => {
  const { state, names } = await threeSnapshots();
  state.bucket.objects.delete('vault/head');
  await assert.rejects(findSnapshot(state.vault, { by: 'newest' }), { reason: 'object_missing', field: 'vault/head' });
  await state.assertRestores(names[2] ?? assert.fail());
});

test('an error of the disk is no damage of the vault', async () => {
  const { state, names } = await threeSnapshots();
  writeFileSync(state.beside('file'), 'x');
  const ask = await request(state, names[2], { target: state.beside('file/target') });
  await assert.rejects(restore(state.vault, ask, quiet, never), (error: unknown) => {
    assert.ok(error instanceof OpenCraneError);
    return error.code !== 'data_loss';
  });
});
