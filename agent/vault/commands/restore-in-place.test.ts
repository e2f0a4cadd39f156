import assert from 'node:assert/strict';
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type SnapshotRestored, VaultCommandSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { readHead } from '../format/head.ts';
import { readSummary } from '../format/manifest.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { restore } from '../restore/restore.ts';
import { assertSameTree, type Listed, listTree } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { carryOutVaultCommand } from './carry-out.ts';
import { LiveTenant, portsOf } from './testing.ts';

type Tree = ReadonlyMap<string, Listed>;

/** A tenant with a snapshot of the past, and a present of which not everything is stored. */
async function tenant(): Promise<{ history: History; live: LiveTenant; past: Tree; present: Tree }> {
  const history = await History.inMemory();
  history.write('agents/main/talk', 'of the past');
  history.write('agents/gone', 'only in the past');
  history.write('openclaw.json', '{"past":true}');
  history.sql('agents/main/database', "CREATE TABLE rows (value TEXT); INSERT INTO rows VALUES ('past')");
  await history.snapshot();
  const past = listTree(history.state);
  history.write('agents/main/talk', 'of today');
  history.write('openclaw.json', '{"past":false}');
  history.remove('agents/gone');
  await history.snapshot();
  history.write('unsaved', 'said a moment ago');
  history.sql('agents/main/database', "INSERT INTO rows VALUES ('today')");
  return { history, live: new LiveTenant(history), past, present: listTree(history.state) };
}

async function bringBack(
  history: History,
  live: LiveTenant,
  value: { path?: string; sequence?: bigint } = {},
  onStep: (step: string) => void = () => {},
): Promise<SnapshotRestored> {
  const snapshot = { choice: { case: 'sequence', value: value.sequence ?? 1n } } as const;
  const command = { case: 'restore', value: { snapshot, path: value.path ?? '' } } as const;
  const { result } = await carryOutVaultCommand(
    create(VaultCommandSchema, { command }),
    portsOf(history, { live, onStep }),
    never,
  );
  assert.ok(result.case === 'restored');
  return result.value;
}

/** What the newest snapshot would bring back. */
async function inBucket(history: History): Promise<Tree> {
  const newest = (await readHead(history.vault))?.newest;
  assert.ok(newest);
  return treeOf(history, newest);
}

let restores = 0;
async function treeOf(history: History, snapshot: Parameters<typeof restore>[1]['snapshot']): Promise<Tree> {
  restores += 1;
  const target = history.path(`look-${restores}`);
  await restore(
    history.vault,
    { snapshot, target },
    { clock: history.clock, onStep: () => {}, onProgress: () => {} },
    never,
  );
  return listTree(target);
}

const beside = (history: History) => readdirSync(dirname(history.state)).filter((name) => name.startsWith('state'));

test('a snapshot takes the place of the state, which is stored before, and what is live is stored after', async () => {
  const { history, live, past, present } = await tenant();
  const restored = await bringBack(history, live);
  assertSameTree(listTree(history.state), past);
  assert.deepEqual([restored.snapshot?.sequence, restored.folder, restored.files], [1n, history.state, 4n]);
  assert.equal(restored.downtimeMillis, 1235n);
  const snapshots = await listSnapshots(history.vault);
  const before = snapshots.find(({ sequence }) => BigInt(sequence) === restored.before?.sequence);
  assert.ok(before);
  assertSameTree(await treeOf(history, before), present);
  assertSameTree(await inBucket(history), past);
  const newest = snapshots.at(-1);
  assert.ok(newest);
  assert.equal((await readSummary(history.vault, newest)).reason, 'restore');
  assert.deepEqual(beside(history), ['state'], 'nothing is left beside it');
  history.end();
});

for (const path of ['', 'agents']) {
  test(`files of several names are such again (${path || 'all'}); a name outside of a part is by itself`, async () => {
    const history = await History.inMemory();
    const at = (name: string) => join(history.state, name);
    history.write('agents/a', 'of the past');
    history.write('notes/z', 'z');
    for (const name of ['agents/b', 'notes/c']) linkSync(at('agents/a'), at(name));
    await history.snapshot();
    const past = listTree(history.state);
    writeFileSync(at('new'), 'of today');
    renameSync(at('new'), at('agents/a'));
    await history.snapshot();
    const { notes } = await bringBack(history, new LiveTenant(history), { path });
    assert.deepEqual(notes, []);
    assert.equal(statSync(at('agents/a')).ino, statSync(at('agents/b')).ino);
    assert.equal(statSync(at('agents/a')).ino === statSync(at('notes/c')).ino, path === '');
    assert.equal(readFileSync(at('notes/c'), 'utf8'), 'of the past');
    if (path === '') assertSameTree(listTree(history.state), past);
    assertSameTree(await inBucket(history), listTree(history.state));
    history.end();
  });
}

test('what was written while it was restored beside is in the snapshot before', async () => {
  const { history, live } = await tenant();
  const onStep = (step: string) => {
    if (step === 'replace:restored') writeFileSync(join(history.state, 'last'), 'the last word');
  };
  const restored = await bringBack(history, live, {}, onStep);
  const before = (await listSnapshots(history.vault)).find(
    ({ sequence }) => BigInt(sequence) === restored.before?.sequence,
  );
  assert.ok(before && (await treeOf(history, before)).has('last'));
  history.end();
});

test('a folder of the state is brought back in its own place, and the rest stays', async () => {
  const { history, live, past, present } = await tenant();
  const { files } = await bringBack(history, live, { path: 'agents' });
  assert.equal(files, 3n);
  const now = listTree(history.state);
  for (const [path, { what }] of now) {
    const origin = path.startsWith('agents') ? past : present;
    assert.equal(what, origin.get(path)?.what, path);
  }
  assert.ok(now.has('agents/gone') && now.has('unsaved'));
  assertSameTree(await inBucket(history), now);
  history.end();
});

test('a folder that is not there any more is brought back with what it is in', async () => {
  const { history, live } = await tenant();
  history.remove('agents');
  await bringBack(history, live, { path: 'agents/main' });
  assert.deepEqual(readdirSync(join(history.state, 'agents/main')), ['database', 'talk']);
  history.end();
});

const refused: { reason: string; value: { path?: string; sequence?: bigint }; error: string }[] = [
  { reason: 'a database without what is beside it', value: { path: 'agents/main/database' }, error: 'path_no_folder' },
  { reason: 'a path that is not there', value: { path: 'agents/other' }, error: 'path_not_found' },
  { reason: 'a path that leads outside', value: { path: '../outside' }, error: 'path_not_found' },
  { reason: 'a snapshot that is not there', value: { sequence: 99n }, error: 'snapshot_not_found' },
];

for (const { reason, value, error } of refused) {
  test(`${reason} is refused, and OpenClaw runs on`, async () => {
    const { history, live, present } = await tenant();
    live.onStart = () => assert.fail('it was stopped');
    await assert.rejects(bringBack(history, live, value), { reason: error });
    assertSameTree(listTree(history.state), present);
    history.end();
  });
}

test('when OpenClaw does not become ready on it, what was there before is put back', async () => {
  const { history, live, present } = await tenant();
  live.onStart = () => {
    if (listTree(history.state).has('agents/gone'))
      throw new OpenCraneError('failed_precondition', 'gateway_exited', 'code 78');
  };
  await assert.rejects(bringBack(history, live), (cause) => {
    assert.ok(cause instanceof OpenCraneError);
    assert.equal(cause.reason, 'gateway_exited');
    assert.match(cause.message, /code 78; what was there before has been put back/);
    return true;
  });
  assertSameTree(listTree(history.state), present);
  assert.deepEqual([live.isRunning, live.isInDoubt, beside(history)], [true, false, ['state']]);
  history.end();
});

test('without the lease nothing is stopped, stored or exchanged', async () => {
  const { history, live, present } = await tenant();
  const objects = history.bucket.names('');
  live.onStart = () => assert.fail('it was stopped');
  const assertHeld = () => {
    throw new OpenCraneError('aborted', 'lease_taken', 'another has it');
  };
  const command = { case: 'restore', value: { snapshot: { choice: { case: 'sequence', value: 1n } } } } as const;
  const ports = portsOf(history, { live, assertHeld });
  await assert.rejects(carryOutVaultCommand(create(VaultCommandSchema, { command }), ports, never), {
    reason: 'lease_taken',
  });
  assert.deepEqual(history.bucket.names(''), objects);
  assertSameTree(listTree(history.state), present);
  history.end();
});

for (const path of ['', 'agents']) {
  test(`killed at any step, the next agent has the state before or after, whole (${path || 'all'})`, async () => {
    const steps: string[] = [];
    const rehearsal = await tenant();
    await bringBack(rehearsal.history, rehearsal.live, { path }, (step) => void steps.push(step));
    const after = plain(listTree(rehearsal.history.state));
    rehearsal.history.end();
    assert.ok(steps.includes('replace:doubted') && steps.includes('replace:exchanged'));
    const seen = new Set<string>();
    for (const kill of steps) {
      const { history, live, present } = await tenant();
      await assert.rejects(bringBack(history, live, { path }, (step) => (step === kill ? live.die() : undefined)));
      await live.boot();
      const now = plain(listTree(history.state));
      const isAfter = JSON.stringify(now) === JSON.stringify(after);
      if (!isAfter) assert.deepEqual(now, plain(present), kill);
      assert.deepEqual(plain(await inBucket(history)), now, `${kill}: what is live is in the bucket`);
      seen.add(isAfter ? 'after' : 'before');
      await bringBack(history, live, { path });
      assert.deepEqual(plain(listTree(history.state)), after, `${kill}: and again`);
      assert.deepEqual(
        beside(history).filter((name) => name !== 'state.left-behind'),
        ['state'],
      );
      history.end();
    }
    assert.deepEqual([...seen].sort(), ['after', 'before']);
  });
}

test('killed between the two steps of the exchange, there is no state, and the next agent knows it', async () => {
  const { history, live, present } = await tenant();
  const onStep = (step: string) => {
    if (step !== 'replace:doubted') return;
    // What was brought back is away: the second step fails, and the process with it.
    history.remove('../state.brought-back-id');
    live.onStart = () => live.die();
  };
  const exists = () => existsSync(history.state);
  live.replaceState = async (work) => {
    await work(live.takeSnapshot).catch((cause: unknown) => {
      live.isDead = true;
      throw cause;
    });
    return { downtimeMillis: 0 };
  };
  await assert.rejects(bringBack(history, live, {}, onStep), { reason: 'restore_half_undone' });
  assert.deepEqual([exists(), live.isInDoubt], [false, true]);
  live.onStart = () => {};
  await live.boot();
  assertSameTree(listTree(history.state), present);
  history.end();
});

/** Without times, which restoring a part changes of the folders above. */
function plain(tree: Tree): string[] {
  return [...tree].map(([path, { what }]) => `${path} ${what}`).sort();
}
