import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectAt } from '../../bucket/layout.ts';
import { newVaultKeys } from '../keys/vault-keys.ts';
import { MemoryBucket, seededRandom } from '../testing.ts';
import type { Vault } from '../vault.ts';
import { adoptHead, checkedHead, moveHead, pointHeadAt, readHead, rereadHead } from './head.ts';
import { type Summary, sealManifest } from './manifest.ts';
import { type ManifestRef, newManifestRef } from './object-ids.ts';

const HEAD = objectAt({ kind: 'head' });

function newVault(): Vault & { readonly bucket: MemoryBucket } {
  return { bucket: new MemoryBucket(), keys: newVaultKeys(seededRandom('keys')), random: seededRandom('random') };
}

/** Writes a manifest of that number. */
async function manifest(vault: Vault & { readonly bucket: MemoryBucket }, sequence: number): Promise<ManifestRef> {
  const ref = newManifestRef({ sequence, depth: 0, clockMillis: sequence }, vault.random);
  const summary: Summary = {
    ...{ sequence, depth: 0, parent: null, base: null, takenAtMillis: sequence, epoch: 1, reason: 'change' },
    ...{ openclawVersion: null, files: 0, bytes: 0, changedBytes: 0, packedBytes: 0 },
  };
  vault.bucket.put(ref.name, await sealManifest(vault, ref, summary, [], () => []));
  return ref;
}

test('a new vault gets an empty head, which moves with each snapshot', async () => {
  const vault = newVault();
  let head = await adoptHead(vault, 1);
  assert.equal(head.newest, undefined);
  for (const sequence of [1, 2, 3]) head = await moveHead(vault, head, await manifest(vault, sequence));
  assert.equal((await readHead(vault))?.newest?.sequence, 3);
  assert.deepEqual(await readHead(vault), head);
});

test('a new holder takes the head under its epoch, and the old one cannot move it any more', async () => {
  const vault = newVault();
  const first = await manifest(vault, 1);
  const old = await moveHead(vault, await adoptHead(vault, 1), first);
  const adopted = await adoptHead(vault, 2);
  assert.deepEqual([adopted.epoch, adopted.newest?.name], [2, first.name]);
  await assert.rejects(moveHead(vault, old, await manifest(vault, 2)), { reason: 'head_taken' });
  await assert.rejects(adoptHead(vault, 1), { reason: 'head_taken' });
  await assert.rejects(rereadHead(vault, 1), { reason: 'head_taken' });
  assert.equal((await readHead(vault))?.newest?.name, first.name);
});

test('a holder that was there before the first snapshot is kept out as well', async () => {
  const vault = newVault();
  const old = await adoptHead(vault, 1);
  await adoptHead(vault, 2);
  await assert.rejects(moveHead(vault, old, await manifest(vault, 1)), { reason: 'head_taken' });
});

test('adopting again under the same epoch writes nothing', async () => {
  const vault = newVault();
  const head = await adoptHead(vault, 1);
  vault.bucket.calls.length = 0;
  assert.deepEqual(await adoptHead(vault, 1), head);
  assert.ok(!vault.bucket.calls.some((call) => /^(create|replace)/.test(call)));
});

test('a move whose answer was lost and that is sent again has moved', async () => {
  const vault = newVault();
  const head = await adoptHead(vault, 1);
  const ref = await manifest(vault, 1);
  const moved = await moveHead(vault, head, ref);
  assert.deepEqual(await moveHead(vault, head, ref), moved);
});

test('two that adopt at once: the newer epoch has it in the end', async () => {
  const vault = newVault();
  await adoptHead(vault, 1);
  let isFirst = true;
  const rivals: Promise<unknown>[] = [];
  vault.bucket.onCall = (call) => {
    if (!isFirst || !call.startsWith('replace')) return;
    isFirst = false;
    rivals.push(adoptHead(vault, 3));
  };
  const outcome = await adoptHead(vault, 2).catch((error: unknown) => error);
  await Promise.all(rivals);
  assert.equal((await readHead(vault))?.epoch, 3, String(outcome));
});

test('one manifest beyond the head is of a writer that was killed; two prove that an old head was put back', async () => {
  const vault = newVault();
  let head = await moveHead(vault, await adoptHead(vault, 1), await manifest(vault, 1));
  const old = vault.bucket.objects.get(HEAD)?.bytes ?? Buffer.alloc(0);
  const second = await manifest(vault, 2);
  assert.equal((await checkedHead(vault))?.newest?.sequence, 1);
  head = await moveHead(vault, head, second);
  const third = await manifest(vault, 3);
  await moveHead(vault, head, third);
  vault.bucket.put(HEAD, old);
  for (const call of [checkedHead(vault), adoptHead(vault, 1), adoptHead(vault, 2)])
    await assert.rejects(call, { reason: 'head_replayed', field: HEAD });
  assert.deepEqual(vault.bucket.objects.get(HEAD)?.bytes, old, 'nothing was overwritten');
});

test('a head that is gone though there were snapshots is missing, not new', async () => {
  const vault = newVault();
  const head = await moveHead(vault, await adoptHead(vault, 1), await manifest(vault, 1));
  await moveHead(vault, head, await manifest(vault, 2));
  vault.bucket.objects.delete(HEAD);
  await assert.rejects(adoptHead(vault, 2), { reason: 'object_missing', field: HEAD });
  assert.equal(vault.bucket.objects.has(HEAD), false);
});

test('every byte of a head counts, and so does its end', async () => {
  const vault = newVault();
  await moveHead(vault, await adoptHead(vault, 1), await manifest(vault, 1));
  const object = vault.bucket.objects.get(HEAD)?.bytes ?? Buffer.alloc(0);
  assert.ok(object.length > 0);
  for (let at = 0; at < object.length; at += 1) {
    const flipped = Buffer.from(object);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    for (const bytes of [flipped, object.subarray(0, at)]) {
      vault.bucket.put(HEAD, bytes);
      await assert.rejects(adoptHead(vault, 9), { field: HEAD }, `byte ${at}`);
      assert.deepEqual(vault.bucket.objects.get(HEAD)?.bytes, Buffer.from(bytes), 'nothing was overwritten');
    }
  }
});

const lost: { reason: string; spoil: (head: Buffer) => Buffer | undefined }[] = [
  { reason: 'an old head that was put back', spoil: (head) => head },
  { reason: 'a damaged head', spoil: (head) => Buffer.from(head).fill(0, 50) },
  { reason: 'a head that is missing', spoil: () => undefined },
];
for (const { reason, spoil } of lost) {
  test(`${reason} can be pointed at a snapshot that opens`, async () => {
    const vault = newVault();
    let head = await moveHead(vault, await adoptHead(vault, 1), await manifest(vault, 1));
    const old = spoil(vault.bucket.objects.get(HEAD)?.bytes ?? Buffer.alloc(0));
    for (const sequence of [2, 3]) head = await moveHead(vault, head, await manifest(vault, sequence));
    if (old) vault.bucket.put(HEAD, old);
    else vault.bucket.objects.delete(HEAD);
    await assert.rejects(adoptHead(vault, 2));
    const newest = head.newest ?? assert.fail();
    await pointHeadAt(vault, newest, 2);
    assert.deepEqual((await adoptHead(vault, 2)).newest, newest);
  });
}

test('the head is pointed at nothing that is missing, and by nobody whose epoch is old', async () => {
  const vault = newVault();
  const first = await manifest(vault, 1);
  await moveHead(vault, await adoptHead(vault, 3), first);
  const none = newManifestRef({ sequence: 9, depth: 0, clockMillis: 9 }, vault.random);
  await assert.rejects(pointHeadAt(vault, none, 3), { reason: 'object_missing', field: none.name });
  await assert.rejects(pointHeadAt(vault, first, 2), { reason: 'head_taken' });
  assert.equal((await readHead(vault))?.epoch, 3);
});
