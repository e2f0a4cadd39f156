import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { VaultCommandSchema, type VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { prefixes } from '../../bucket/layout.ts';
import { assertSameTree, listTree } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { carryOutVaultCommand } from './carry-out.ts';
import { portsOf } from './testing.ts';

const history = await History.inMemory();
after(() => history.end());
for (const content of ['one', 'two', 'three']) {
  history.write('agents/main/file', content);
  history.write('other', content);
  await history.snapshot(content === 'two' ? 'upgrade' : 'change');
}
const times = history.taken.map(({ ref }) => BigInt(ref.clockMillis));

type Command = NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>;
type Case = Exclude<VaultResult['result']['case'], undefined>;

/** Carries out a command and gives the result of the case that is due. */
async function run<Wanted extends Case>(command: Command, wanted: Wanted, ports = portsOf(history)) {
  const { result } = await carryOutVaultCommand(create(VaultCommandSchema, { command }), ports, never);
  assert.equal(result.case, wanted);
  return result.value as Extract<VaultResult['result'], { case: Wanted }>['value']; // compared in the line before
}

const newest = { choice: { case: 'newest', value: true } } as const;
const numbered = (sequence: bigint) => ({ choice: { case: 'sequence', value: sequence } }) as const;
const asOf = (millis: bigint) => ({ choice: { case: 'atMillis', value: millis } }) as const;
const listed = ({ snapshots }: { snapshots: readonly { sequence: bigint }[] }) =>
  snapshots.map(({ sequence }) => sequence);

test('snapshots are listed newest first, by pages, with all that is told of them', async () => {
  const all = await run({ case: 'list', value: {} }, 'list');
  assert.deepEqual([listed(all), all.more], [[3n, 2n, 1n], false]);
  assert.deepEqual(
    all.snapshots.map(({ newest: is }) => is),
    [true, false, false],
  );
  const [, second] = all.snapshots;
  assert.deepEqual([second?.reason, second?.openclawVersion, second?.epoch], ['upgrade', '2026.9.6', 1n]);
  assert.deepEqual([second?.takenAtMillis, (second?.addedBytes ?? 0n) > 100n], [times[1], true]);
  const first = await run({ case: 'list', value: { limit: 2 } }, 'list');
  assert.deepEqual([listed(first), first.more], [[3n, 2n], true]);
  const rest = await run({ case: 'list', value: { limit: 2, beforeSequence: 2n } }, 'list');
  assert.deepEqual([listed(rest), rest.more], [[1n], false]);
});

test('one whose manifest is damaged is listed as far as its name tells', async () => {
  const name = history.taken[1]?.ref.name ?? '';
  await withDamage(name, async () => {
    const all = await run({ case: 'list', value: {} }, 'list');
    assert.deepEqual(listed(all), [3n, 2n, 1n]);
    assert.deepEqual([all.snapshots[1]?.reason, all.snapshots[1]?.takenAtMillis], ['', times[1]]);
  });
});

const choices = [
  { reason: 'the newest', snapshot: newest, sequence: 3n },
  { reason: 'the newest of a time', snapshot: asOf((times[1] ?? 0n) + 1n), sequence: 2n },
  { reason: 'the one of that very time', snapshot: asOf(times[0] ?? 0n), sequence: 1n },
  { reason: 'the one of a number', snapshot: numbered(2n), sequence: 2n },
];

for (const { reason, snapshot, sequence } of choices) {
  test(`a snapshot is chosen: ${reason}`, async () => {
    const into = history.path(`into-${reason.replaceAll(' ', '-')}`);
    const restored = await run({ case: 'restore', value: { snapshot, into } }, 'restored');
    assert.deepEqual([restored.snapshot?.sequence, restored.folder, restored.files], [sequence, into, 2n]);
    assert.equal(restored.before, undefined);
    assertSameTree(listTree(into), history.taken[Number(sequence) - 1]?.tree ?? new Map());
  });
}

const refusals: { reason: string; command: Command; error: string }[] = [
  {
    reason: 'a time before the first',
    command: { case: 'restore', value: { snapshot: asOf(1n), into: 'x' } },
    error: 'snapshot_not_found',
  },
  {
    reason: 'a number that is none',
    command: { case: 'export', value: { snapshot: numbered(9n) } },
    error: 'snapshot_not_found',
  },
  { reason: 'no choice', command: { case: 'compare', value: { from: newest } }, error: 'choice_missing' },
  { reason: 'no order', command: { case: undefined }, error: 'command_unknown' },
  { reason: 'a snapshot of no state', command: { case: 'take', value: {} }, error: 'no_state' },
  {
    reason: 'a restore in the place of no state',
    command: { case: 'restore', value: { snapshot: newest } },
    error: 'into_missing',
  },
];

for (const { reason, command, error } of refusals) {
  test(`${reason} is refused`, async () => {
    const ports = { ...portsOf(history), live: undefined };
    await assert.rejects(carryOutVaultCommand(create(VaultCommandSchema, { command }), ports, never), {
      reason: error,
    });
  });
}

test('with a broken head a snapshot is found by its number', async () => {
  await withDamage('vault/head', async () => {
    const into = history.path('headless');
    await assert.rejects(run({ case: 'restore', value: { snapshot: newest, into } }, 'restored'), {
      reason: 'object_damaged',
    });
    const restored = await run({ case: 'restore', value: { snapshot: numbered(2n), into } }, 'restored');
    assert.deepEqual([restored.snapshot?.sequence, restored.snapshot?.newest], [2n, false]);
  });
});

test('a part is restored beside, relative to the folder that is given', async () => {
  const value = { snapshot: numbered(1n), path: 'agents/main/', into: 'part' };
  const { folder, bytes } = await run({ case: 'restore', value }, 'restored');
  assert.deepEqual([folder, bytes], [history.path('part'), 3n]);
  assert.deepEqual(readdirSync(folder), ['file']);
});

test('what differs is told by path', async () => {
  const value = { from: numbered(1n), to: newest };
  const { from, to, entries, more } = await run({ case: 'compare', value }, 'difference');
  assert.deepEqual([from?.sequence, to?.sequence, more], [1n, 3n, false]);
  const told = entries.map(({ path, change, fromBytes, toBytes }) => [path, change, fromBytes, toBytes]);
  assert.deepEqual(told, [
    ['agents/main/file', 'changed', 3n, 5n],
    ['other', 'changed', 3n, 5n],
  ]);
});

test('verifying tells the newest whole snapshot, and which need what is damaged', async () => {
  const well = await run({ case: 'verify', value: {} }, 'verified');
  assert.deepEqual([well.snapshots, well.damaged, well.newestWhole?.sequence], [3n, [], 3n]);
  const pack = history.bucket.names(prefixes.pack).at(-1) ?? '';
  await withDamage(pack, async () => {
    const ill = await run({ case: 'verify', value: {} }, 'verified');
    assert.deepEqual(
      ill.damaged.map(({ name, reason, sequences }) => [name, reason, sequences]),
      [[pack, 'object_damaged', [3n]]],
    );
    assert.equal(ill.newestWhole?.sequence, 2n);
    const one = await run({ case: 'verify', value: { snapshot: numbered(1n) } }, 'verified');
    assert.deepEqual([one.snapshots, one.damaged, one.newestWhole?.sequence], [1n, [], 1n]);
  });
});

test('an export is sent whole, and what was sent is told', async () => {
  const folder = history.path('exported');
  mkdirSync(folder);
  const pieces: Uint8Array[] = [];
  const ports = portsOf(history, {
    async sendArchive(archive) {
      for await (const piece of archive) pieces.push(Buffer.from(piece));
    },
  });
  const value = { snapshot: numbered(2n), path: 'agents' };
  const { files, bytes, snapshot } = await run({ case: 'export', value }, 'exported', ports);
  const archive = Buffer.concat(pieces);
  assert.deepEqual([files, bytes, snapshot?.sequence], [1n, BigInt(archive.length), 2n]);
  assert.equal(spawnSync('tar', ['-x', '-C', folder], { input: archive }).status, 0);
  assert.equal(readFileSync(join(folder, 'main/file'), 'utf8'), 'two');
});

test('a receiver that goes away ends the export with its own error', async () => {
  const ports = portsOf(history, {
    async sendArchive(archive) {
      for await (const _ of archive) throw new OpenCraneError('aborted', 'nobody_waits', 'nobody waits for it');
    },
  });
  await assert.rejects(run({ case: 'export', value: { snapshot: newest } }, 'exported', ports), {
    reason: 'nobody_waits',
  });
});

test('an order to prune may say what is kept this once; what it says wrongly is refused by name', async () => {
  const ports = portsOf(history);
  const none = 'all=0h,hourly=0h,daily=0h';
  history.clock.millis += 1;
  const usual = await run({ case: 'prune', value: { dryRun: true } }, 'pruned', ports);
  const asked = await run({ case: 'prune', value: { dryRun: true, retention: none } }, 'pruned', ports);
  assert.equal(usual.snapshots, 0n);
  assert.ok(asked.snapshots > 0n);
  await assert.rejects(run({ case: 'prune', value: { retention: '1d' } }, 'pruned', ports), {
    reason: 'retention_invalid',
    field: 'retention',
  });
});

test('a dry run of pruning needs no lease, the removal does', async () => {
  const noRetention = { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 };
  const assertHeld = () => {
    throw new OpenCraneError('failed_precondition', 'lease_taken', 'another has it');
  };
  const ports = { ...portsOf(history), retention: noRetention, assertHeld };
  history.clock.millis += 1;
  const before = history.bucket.names('');
  const told = await run({ case: 'prune', value: { dryRun: true } }, 'pruned', ports);
  assert.ok(told.keptSnapshots >= 1n && told.snapshots + told.keptSnapshots === 3n);
  if (told.objects > 0n)
    await assert.rejects(run({ case: 'prune', value: {} }, 'pruned', ports), { reason: 'lease_taken' });
  assert.deepEqual(history.bucket.names(''), before);
  const held = { ...ports, assertHeld: () => {} };
  const done = await run({ case: 'prune', value: {} }, 'pruned', held);
  assert.deepEqual(done, told);
});

/** With a bit of an object flipped. */
async function withDamage(name: string, work: () => Promise<void>): Promise<void> {
  const object = history.bucket.objects.get(name);
  assert.ok(object);
  const bytes = Buffer.from(object.bytes);
  bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
  history.bucket.put(name, bytes);
  try {
    await work();
  } finally {
    history.bucket.objects.set(name, object);
  }
}
