import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { MemoryBucket, seededRandom, tenantKey } from '../testing.ts';
import { createVault, openVault } from '../vault.ts';
import { openSlot, sealSlot } from './slot.ts';
import { parseTenantKey, readTenantKey } from './tenant-key.ts';
import { chunkName, newestGeneration, newVaultKeys, withNewDataKey } from './vault-keys.ts';

const HEX = '00112233445566778899aabbccddeeff'.repeat(2);
const key = tenantKey('ours');

const keyFiles = [
  { reason: 'a key file is 64 hex digits', text: HEX, ok: true },
  { reason: 'an editor or echo adds a line break', text: `${HEX}\n`, ok: true },
  { reason: 'digits in upper case are the same key', text: HEX.toUpperCase(), ok: true },
  { reason: 'a short key is refused', text: HEX.slice(2), ok: false },
  { reason: 'a key of other characters is refused', text: HEX.replace('0', 'g'), ok: false },
  { reason: 'an empty file is no key', text: '', ok: false },
];
for (const { reason, text, ok } of keyFiles) {
  test(reason, () => {
    if (ok) assert.equal(parseTenantKey(text, 'f').id, parseTenantKey(HEX, 'f').id);
    else assert.throws(() => parseTenantKey(text, 'f'), { reason: 'key_malformed', field: 'f' });
  });
}

test('a key file that cannot be read is named, and what a wrong one holds is not told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-keys-'));
  try {
    await assert.rejects(readTenantKey(join(folder, 'none')), {
      reason: 'key_unreadable',
      field: join(folder, 'none'),
    });
    writeFileSync(join(folder, 'key'), 'hunter2');
    await assert.rejects(readTenantKey(join(folder, 'key')), (error: unknown) => !inspect(error).includes('hunter2'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('keys print as nothing', () => {
  const printed = inspect([key, newVaultKeys(seededRandom('print'))], { depth: 9 });
  const secrets = [key.secret, newVaultKeys(seededRandom('print')).namingKey].map((one) =>
    one.export().toString('hex'),
  );
  for (const secret of secrets) assert.ok(!printed.includes(secret));
});

test('a slot gives back the keys that were put in, those of every generation', () => {
  const keys = withNewDataKey(withNewDataKey(newVaultKeys(seededRandom('a')), seededRandom('b')), seededRandom('c'));
  const { name, bytes } = sealSlot(keys, key, seededRandom('salt'));
  const opened = openSlot(name, bytes, key);
  assert.equal(opened.vaultId, keys.vaultId);
  assert.equal(newestGeneration(opened), 3);
  for (const [generation, dataKey] of keys.dataKeys) assert.ok(opened.dataKeys.get(generation)?.equals(dataKey));
  assert.deepEqual(chunkName(opened, Buffer.from('x')), chunkName(keys, Buffer.from('x')));
});

test('every bit of a slot counts, and so does its end', () => {
  const { name, bytes } = sealSlot(newVaultKeys(seededRandom('a')), key, seededRandom('salt'));
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => openSlot(name, flipped, key), damagedOrNewer, `bit ${bit}`);
  }
  for (let end = 0; end < bytes.length; end += 1)
    assert.throws(() => openSlot(name, bytes.subarray(0, end), key), damagedOrNewer, `cut at ${end}`);
});

/** The digit of the format may become a higher one. */
function damagedOrNewer(error: unknown): boolean {
  return error instanceof OpenCraneError && ['object_damaged', 'vault_newer_format'].includes(error.reason);
}

test('a slot of a newer format is told from a damaged one', () => {
  const { name, bytes } = sealSlot(newVaultKeys(seededRandom('a')), key, seededRandom('salt'));
  const newer = Buffer.from(bytes.toString().replace('"format":1', '"format":2'));
  assert.throws(() => openSlot(name, newer, key), { reason: 'vault_newer_format' });
});

test('a bucket with nothing of a vault has none; one is made once, whoever asks', async () => {
  const bucket = new MemoryBucket();
  assert.equal(await openVault(bucket, key, seededRandom('r')), undefined);
  const made = await createVault(bucket, key, seededRandom('r'));
  const again = await createVault(bucket, key, seededRandom('other'));
  assert.equal(again.keys.vaultId, made.keys.vaultId);
  assert.equal(bucket.names('').length, 1);
});

test('a wrong key is told from damage, and names the keys that are right', async () => {
  const bucket = new MemoryBucket();
  await createVault(bucket, key, seededRandom('r'));
  for (const use of [openVault, createVault])
    await assert.rejects(use(bucket, tenantKey('wrong'), seededRandom('w')), (error: unknown) => {
      assert.ok(error instanceof OpenCraneError && error.reason === 'wrong_key');
      return error.message.includes(key.id);
    });
  assert.equal(bucket.names('').length, 1, 'nothing was written');
});

const remains = [
  { reason: 'a head without a slot is a lost slot, not an empty bucket', name: 'vault/head' },
  { reason: 'so is a manifest', name: 'vault/manifests/0000000000000001-0019a0000000000f' },
  { reason: 'and a pack', name: `vault/packs/${'0'.repeat(32)}` },
];
for (const { reason, name } of remains) {
  test(reason, async () => {
    const bucket = new MemoryBucket();
    bucket.put(name, Buffer.from('x'));
    for (const use of [openVault, createVault])
      await assert.rejects(use(bucket, key, seededRandom('r')), { reason: 'object_missing', field: 'vault/keys/' });
    assert.deepEqual(bucket.names(''), [name]);
  });
}

test('a read that fails never makes a vault', async () => {
  const bucket = new MemoryBucket();
  const calls = ['read vault/keys', 'list vault/keys', 'list vault/head', 'list vault/manifests', 'list vault/packs'];
  for (const failing of calls) {
    bucket.onCall = (call) => {
      if (call.startsWith(failing)) throw new OpenCraneError('unavailable', 'away', 'the bucket is away');
    };
    await assert.rejects(createVault(bucket, key, seededRandom('r')), { reason: 'away' }, failing);
    assert.deepEqual(bucket.names(''), []);
  }
});

test('of two that make a vault at once with two keys, one has it', async () => {
  const bucket = new MemoryBucket();
  let isFirst = true;
  bucket.onCall = (call) => {
    if (!isFirst || !call.startsWith('create vault/keys')) return;
    isFirst = false;
    const other = sealSlot(newVaultKeys(seededRandom('other')), tenantKey('other'), seededRandom('salt'));
    bucket.put(other.name, other.bytes);
  };
  await assert.rejects(createVault(bucket, key, seededRandom('r')), { reason: 'wrong_key' });
  assert.deepEqual(bucket.names(''), [`vault/keys/${tenantKey('other').id}.json`]);
});
