import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { manifestRef } from './format/object-ids.ts';
import { findSnapshot } from './history/find-snapshot.ts';
import { restore } from './restore/restore.ts';
import { never, TestState } from './snapshot/testing.ts';
import { MemoryBucket, seededRandom, tenantKey } from './testing.ts';
import { openVault, type Vault } from './vault.ts';

const noise = seededRandom('content');
const state = await TestState.make();
after(() => state.end());
const snapshotter = await state.open();
// Enough for the first manifest to outweigh the deltas on top of it.
for (let count = 0; count < 40; count += 1) writeFileSync(join(state.root, `old-${count}`), noise(10));
for (const count of [1, 2, 3]) {
  writeFileSync(join(state.root, `file-${count}`), noise(20_000));
  await state.take(snapshotter);
}
const [first, second, third] = [...state.taken.keys()];
assert.ok(first && second && third);
const objects = state.bucket.names('');
/** As the names say: what was written for which snapshot. */
const needed = objects.filter((name) => name !== 'vault/head' && !name.startsWith('vault/keys'));
const secondPack = needed.find((name) => name.startsWith('vault/packs/000000000002')) ?? assert.fail();

/** Opens the vault and restores its newest snapshot into nowhere that stays. */
async function restoreNewest(bucket: MemoryBucket): Promise<void> {
  const vault = await openVault(bucket, tenantKey('ours'), seededRandom('reader'));
  assert.ok(vault);
  const snapshot = await findSnapshot(vault, { by: 'newest' });
  assert.ok(snapshot);
  await restoreInto(vault, snapshot.name);
}

async function restoreInto(vault: Vault, name: string): Promise<void> {
  const snapshot = manifestRef(objectName(name));
  assert.ok(snapshot);
  const target = state.beside(`damage-${Math.random()}`);
  const clock = { ...systemClock, sleep: async () => {} };
  try {
    await restore(vault, { snapshot, target }, { clock, onStep: () => {}, onProgress: () => {} }, never);
  } catch (cause) {
    assert.ok(!existsSync(target), 'nothing half restored is in the place of the target');
    throw cause;
  }
}

function objectName(name: string) {
  for (const known of state.taken.keys()) if (known === name) return known;
  return assert.fail(`${name} is none of the snapshots`);
}

/** Asserts that the newest snapshot is refused for that object, and that nothing in the bucket was changed by trying. */
async function assertNamed(bucket: MemoryBucket, name: string, reasons: readonly string[]): Promise<OpenCraneError> {
  const before = new Map([...bucket.objects].map(([key, { bytes }]) => [key, bytes]));
  const error = await restoreNewest(bucket).then(
    () => assert.fail(`${name} was not missed`),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof OpenCraneError, String(error));
  assert.ok(reasons.includes(error.reason), `${error.reason}: ${error.message}`);
  assert.ok(name.startsWith(error.field) && error.field !== '', `${error.field} in place of ${name}`);
  assert.notEqual(error.mend, '');
  assert.deepEqual(new Map([...bucket.objects].map(([key, { bytes }]) => [key, bytes])), before);
  return error;
}

for (const name of objects) {
  const kind = name.split('/')[1] ?? '';
  const object = state.bucket.objects.get(name)?.bytes ?? assert.fail();

  test(`${name}: a flipped bit anywhere is named`, async () => {
    const places = [0, 3, 4, 5, 6, 7, 22, 23, 38, 39, 40, object.length >> 1, object.length - 17, object.length - 1];
    for (const place of new Set(places)) {
      const bucket = state.bucket.copy();
      const flipped = Buffer.from(object);
      flipped[place] = (flipped[place] ?? 0) ^ 0x10;
      bucket.put(name, flipped);
      await assertNamed(bucket, name, [
        'object_damaged',
        'object_short',
        'object_of_another_vault',
        'data_key_unknown',
      ]);
    }
  });

  test(`${name}: cut short anywhere is named`, async () => {
    for (const end of [0, 1, 38, 39, 45, object.length >> 1, object.length - 1]) {
      const bucket = state.bucket.copy();
      bucket.put(name, object.subarray(0, end));
      await assertNamed(bucket, name, ['object_damaged', 'object_short']);
    }
  });

  test(`${name}: missing is named`, async () => {
    const bucket = state.bucket.copy();
    bucket.objects.delete(name);
    if (kind !== 'keys') await assertNamed(bucket, name, ['object_missing']);
    else await assert.rejects(restoreNewest(bucket), { reason: 'object_missing', field: 'vault/keys/' });
  });
}

test('objects of another tenant are named as such', async () => {
  const other = await TestState.make(new MemoryBucket(), 'theirs');
  try {
    writeFileSync(join(other.root, 'file'), 'theirs');
    await other.take(await other.open());
    // The same tenant key, even: what tells them apart is the vault.
    const theirs = other.bucket;
    for (const name of objects.filter((one) => !one.startsWith('vault/keys'))) {
      const [foreign] = theirs.names(name.split('/').slice(0, 2).join('/'));
      const bucket = state.bucket.copy();
      bucket.put(name, theirs.objects.get(foreign ?? '')?.bytes ?? assert.fail());
      await assertNamed(bucket, name, ['object_of_another_vault']);
    }
  } finally {
    other.end();
  }
});

test('objects that changed places within a vault are named', async () => {
  const swaps = [
    [first, second],
    [secondPack, needed.find((name) => name.startsWith('vault/packs/000000000003')) ?? assert.fail()],
  ] as const;
  for (const [one, another] of swaps) {
    const bucket = state.bucket.copy();
    const [a, b] = [one, another].map((name) => bucket.objects.get(name)?.bytes ?? assert.fail());
    assert.ok(a && b);
    bucket.put(one, b);
    bucket.put(another, a);
    const error = await restoreNewest(bucket).catch((cause: unknown) => cause);
    assert.ok(error instanceof OpenCraneError && error.reason === 'object_damaged');
    assert.ok([one, another].some((name) => name === error.field));
  }
});

test('a wrong key is told from damage', async () => {
  const call = openVault(state.bucket.copy(), tenantKey('wrong'), seededRandom('reader'));
  await assert.rejects(call, { reason: 'wrong_key' });
});

test('the newest good snapshot before the damage is offered, and it is good', async () => {
  const cases = [
    { broken: secondPack, good: first },
    { broken: second, good: first },
    { broken: third, good: second },
    { broken: needed.find((name) => name.startsWith('vault/packs/000000000003')) ?? assert.fail(), good: second },
  ];
  for (const { broken, good } of cases) {
    for (const how of ['missing', 'damaged'] as const) {
      const bucket = state.bucket.copy();
      if (how === 'missing') bucket.objects.delete(broken);
      else bucket.put(broken, Buffer.from(bucket.objects.get(broken)?.bytes ?? assert.fail()).fill(1, 50, 60));
      const error = await assertNamed(bucket, broken, ['object_missing', 'object_damaged']);
      assert.ok(error.mend.includes(good), `${broken} ${how}: ${error.mend}`);
      const vault = await openVault(bucket, tenantKey('ours'), seededRandom('reader'));
      assert.ok(vault);
      await restoreInto(vault, good);
    }
  }
});

test('when nothing before it is good, that is said', async () => {
  const bucket = state.bucket.copy();
  const pack = needed.find((name) => name.startsWith('vault/packs/000000000001')) ?? assert.fail();
  bucket.objects.delete(pack);
  const error = await assertNamed(bucket, pack, ['object_missing']);
  assert.match(error.mend, /no snapshot before it is good/);
});
