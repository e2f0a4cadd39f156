import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePackId } from '../../bucket/layout.ts';
import { newVaultKeys } from '../keys/vault-keys.ts';
import { MemoryBucket, seededRandom } from '../testing.ts';
import type { Vault } from '../vault.ts';
import { createManifest, readManifest, readPacks, readSummary, type Summary, sealManifest } from './manifest.ts';
import { type PackRow, parseRow, type TreeRow } from './manifest-body.ts';
import { manifestRef, newManifestRef } from './object-ids.ts';

const ref = newManifestRef({ sequence: 7, depth: 3, clockMillis: 1_764_025_812_345 }, seededRandom('ref'));
const parent = newManifestRef({ sequence: 6, depth: 2, clockMillis: 1_764_025_800_000 }, seededRandom('parent'));
const summary: Summary = {
  ...{ sequence: 7, depth: 3, parent: parent.name, base: parent.name, takenAtMillis: 1_764_025_812_345, epoch: 4 },
  ...{ reason: 'change', openclawVersion: '2026.9.6', files: 2, bytes: 10, changedBytes: 5, packedBytes: 99 },
};

function newVault(): Vault & { readonly bucket: MemoryBucket } {
  return { bucket: new MemoryBucket(), keys: newVaultKeys(seededRandom('keys')), random: seededRandom('random') };
}

const count = fc.nat(1_000_000);
const path = fc.string({ unit: 'binary', maxLength: 20 });
const seconds = fc.integer({ min: -2_000_000_000, max: 20_000_000_000 });
const nanoseconds = fc.nat(999_999_999);
const mode = fc.nat(0o7777);
const runs = fc.array(fc.tuple(count, fc.integer({ min: 1, max: 3 }), count, count, count), { maxLength: 4 });
const content = runs.chain((list) => {
  const chunks = list.reduce((sum, [, length]) => sum + length, 0);
  const names = fc.uint8Array({ minLength: chunks * 16, maxLength: chunks * 16 });
  return names.map((bytes) => [list.flat(), Buffer.from(bytes).toString('base64')] as const);
});
const file = fc
  .tuple(fc.constantFrom('f' as const, 's' as const), path, mode, seconds, nanoseconds, count, count, content)
  .map(([letter, ...rest]): TreeRow => {
    const [name, bits, at, nanos, size, chunkBytes, [flat, names]] = rest;
    return [letter, name, bits, at, nanos, size, chunkBytes + 1, size % 2 === 0 ? 0 : 1, flat, names];
  });
const row: fc.Arbitrary<TreeRow> = fc.oneof(
  file,
  fc.tuple(fc.constant('d' as const), path, mode, seconds, nanoseconds),
  fc.tuple(fc.constant('l' as const), path, seconds, nanoseconds, path),
  fc.tuple(fc.constant('-' as const), path),
  fc.tuple(fc.constant('~' as const), path),
  fc.tuple(fc.constant('?' as const), path, fc.string()),
  content.map(([flat, names]): TreeRow => ['+', flat, names]),
);
const pack: fc.Arbitrary<PackRow> = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), count, fc.array(fc.tuple(count, count), { maxLength: 5 }))
  .map(([id, bytes, frames]) => {
    const packId = parsePackId(Buffer.from(id).toString('hex'));
    if (bytes % 3 === 0) return [packId];
    return [packId, bytes, frames.map(([sealed]) => sealed), frames.map(([, plain]) => plain)];
  });

async function rowsOf(rows: AsyncIterable<TreeRow[]>): Promise<TreeRow[]> {
  const all: TreeRow[] = [];
  for await (const some of rows) all.push(...some);
  return all;
}

test('a manifest gives back summary, packs and rows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), fc.array(pack, { maxLength: 5 }), async (rows, packs) => {
      const vault = newVault();
      await createManifest(vault, ref, await sealManifest(vault, ref, summary, rows, () => packs));
      const manifest = await readManifest(vault, ref);
      assert.deepEqual(manifest.summary, summary);
      assert.deepEqual(await manifest.packs(), packs);
      assert.deepEqual(await rowsOf(manifest.rows()), rows);
      assert.deepEqual(await readSummary(vault, ref), summary);
      assert.deepEqual(await readPacks(vault, ref), packs);
    }),
    { numRuns: 60 },
  );
});

test('summary and packs of a large manifest are read without its rows', async () => {
  const vault = newVault();
  const rows = Array.from({ length: 20_000 }, (_, at): TreeRow => ['-', `${at} ${Math.sin(at)}`]);
  const packs = Array.from({ length: 300 }, (_, at): PackRow => [parsePackId(String(at).padStart(32, '0'))]);
  const object = await sealManifest(vault, ref, summary, rows, () => packs);
  await createManifest(vault, ref, object);
  let bytes = 0;
  const read: MemoryBucket['read'] = async (name, range) => {
    const found = await MemoryBucket.prototype.read.call(vault.bucket, name, range);
    bytes += found?.bytes.length ?? 0;
    return found;
  };
  vault.bucket.read = read;
  assert.deepEqual(await readSummary(vault, ref), summary);
  assert.deepEqual(await readPacks(vault, ref), packs);
  assert.ok(bytes < object.length / 4, `${bytes} of ${object.length} bytes were read`);
});

const rowLines = [
  { reason: 'an unknown letter', line: '["x","a"]' },
  { reason: 'a name of the prototype', line: '["constructor","a"]' },
  { reason: 'an object', line: '{"0":"d"}' },
  { reason: 'a mode with more bits than there are', line: '["d","a",4096,0,0]' },
  { reason: 'a nanosecond too many', line: '["d","a",448,0,1000000000]' },
  { reason: 'a negative size', line: '["f","a",420,0,0,-1,1,0,[],""]' },
  { reason: 'chunks of no length', line: '["f","a",420,0,0,1,0,0,[],""]' },
  { reason: 'a run that is cut off', line: '["+",[0,1,0,0],""]' },
  { reason: 'a chunk without its name', line: '["+",[0,1,0,0,0],""]' },
  { reason: 'a name without its chunk', line: `["+",[],"${Buffer.alloc(16).toString('base64')}"]` },
  { reason: 'a fraction in a run', line: `["+",[0,1,0,0.5,0],"${Buffer.alloc(16).toString('base64')}"]` },
  { reason: 'a column too many', line: '["-","a",1]' },
];
for (const { reason, line } of rowLines) test(`no row: ${reason}`, () => void assert.throws(() => parseRow(line)));

test('every byte of a manifest counts, and so does its end', async () => {
  const vault = newVault();
  const rows: TreeRow[] = [['d', '', 0o700, 1, 2]];
  const object = await sealManifest(vault, ref, summary, rows, () => [[parsePackId('1'.repeat(32))]]);
  const readAll = async () => {
    const manifest = await readManifest(vault, ref);
    await manifest.packs();
    await rowsOf(manifest.rows());
  };
  for (let at = 0; at < object.length; at += 1) {
    const flipped = Buffer.from(object);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    vault.bucket.put(ref.name, flipped);
    await assert.rejects(readAll(), { field: ref.name }, `byte ${at}`);
    vault.bucket.put(ref.name, object.subarray(0, at));
    await assert.rejects(readAll(), { field: ref.name }, `cut at ${at}`);
    await assert.rejects(readPacks(vault, ref).then(readAll), { field: ref.name }, `cut at ${at}`);
  }
});

test('a missing manifest is named, and a newer one is told from damage', async () => {
  const vault = newVault();
  await assert.rejects(readManifest(vault, ref), { reason: 'object_missing', field: ref.name });
  await assert.rejects(readSummary(vault, ref), { reason: 'object_missing', field: ref.name });
  const newer = { ...summary, format: 3 } as Summary; // the format comes first, and is overwritten by what is spread
  vault.bucket.put(ref.name, await sealManifest(vault, ref, newer, [], () => []));
  await assert.rejects(readSummary(vault, ref), { reason: 'vault_newer_format', field: ref.name });
});

test('a summary that another name stands for is refused', async () => {
  const vault = newVault();
  vault.bucket.put(ref.name, await sealManifest(vault, ref, { ...summary, takenAtMillis: 1 }, [], () => []));
  await assert.rejects(readSummary(vault, ref), { reason: 'object_damaged', field: ref.name });
});

test('names tell sequence, depth and time, and sort by the sequence', () => {
  const facts = fc.record({
    sequence: fc.nat(2 ** 31),
    depth: fc.nat(255),
    clockMillis: fc.nat(2 ** 31).map((n) => n * 1000),
  });
  fc.assert(
    fc.property(facts, facts, (a, b) => {
      const [first, second] = [a, b].map((one) => newManifestRef(one, seededRandom('x')));
      assert.ok(first && second);
      assert.deepEqual(manifestRef(first.name), first);
      assert.equal(a.sequence < b.sequence, a.sequence !== b.sequence && first.name < second.name);
    }),
  );
});

test('a manifest that is written again after a lost answer is written; another under its name is not ours', async () => {
  const vault = newVault();
  const object = await sealManifest(vault, ref, summary, [], () => []);
  await createManifest(vault, ref, object);
  await createManifest(vault, ref, object);
  vault.bucket.put(ref.name, Buffer.from('another'));
  await assert.rejects(createManifest(vault, ref, object), { reason: 'manifest_taken' });
});
