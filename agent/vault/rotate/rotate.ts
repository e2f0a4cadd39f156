/**
 * Gives a vault another tenant key, and a new data key with which everything is sealed from now on:
 *
 *   old slot ──new slot written──▶ both open ──new slot read back, head and newest snapshot opened──▶ old slot removed
 *
 * Nothing else is written, so it takes a moment, however large the vault is: what was sealed before stays as it is. Killed
 * anywhere, at least one of the two keys opens the vault, and calling it again ends it. Whoever has the old key and a copy of
 * the old slot can still read what was sealed before.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Bucket, ObjectName } from '../../bucket/bucket.ts';
import { type KeyId, objectAt, placeOf, prefixes } from '../../bucket/layout.ts';
import { objectDamaged } from '../errors.ts';
import { readHead } from '../format/head.ts';
import { readSummary } from '../format/manifest.ts';
import type { Random } from '../keys/random.ts';
import { openSlot, sealSlot } from '../keys/slot.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import { newestGeneration, type VaultKeys, withNewDataKey } from '../keys/vault-keys.ts';
import { openVault, type Vault } from '../vault.ts';

/** What rotating takes. Whoever calls holds the tenant's lease. */
export type RotatePorts = {
  readonly bucket: Bucket;
  readonly random: Random;
  /** Throws when the lease is not held; asked before each write. */
  readonly assertHeld: () => void;
  /** Awaited after each step, as `rotate:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
};

/** What came of it. */
export type Rotated = {
  /** The vault as the new key opens it. What was opened with the old one is not to be written with any more. */
  readonly vault: Vault;
  /** Of the data key that new objects are sealed with. */
  readonly generation: number;
  readonly oldKey: KeyId;
  readonly newKey: KeyId;
};

/** The header of an object has two bytes for it. */
const MAX_GENERATION = 0xffff;

/** Rotates. A wrong old key changes nothing. */
export async function rotateTenantKey(
  ports: RotatePorts,
  oldKey: TenantKey,
  newKey: TenantKey,
  signal?: AbortSignal,
): Promise<Rotated> {
  const { bucket, onStep, assertHeld } = ports;
  if (oldKey.id === newKey.id) throw sameKey(oldKey.id);
  const oldName = objectAt({ kind: 'slot', keyId: oldKey.id });
  const old = await readSlot(bucket, oldName, oldKey, signal);
  if (old) {
    await refuseUnfinished(bucket, [oldKey.id, newKey.id], signal);
    await writeNewSlot(ports, old, newKey, signal);
  }
  const vault = await openVerified(ports, old, oldKey, newKey, signal);
  await onStep('rotate:verified');
  assertHeld();
  await bucket.delete(oldName, signal);
  await onStep('rotate:done');
  return { vault, generation: newestGeneration(vault.keys), oldKey: oldKey.id, newKey: newKey.id };
}

async function readSlot(
  bucket: Bucket,
  name: ObjectName,
  key: TenantKey,
  signal: AbortSignal | undefined,
): Promise<VaultKeys | undefined> {
  const slot = await bucket.read(name, undefined, signal);
  return slot && openSlot(name, slot.bytes, key);
}

/**
 * A slot of a third key is from a rotation that was begun and not ended. It has a data key that the old slot has not, and
 * something may be sealed with it.
 */
async function refuseUnfinished(
  bucket: Bucket,
  known: readonly KeyId[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { name } of bucket.list(prefixes.slot, signal)) {
    const place = placeOf(name);
    if (place?.kind === 'slot' && !known.includes(place.keyId)) throw unfinished(name, place.keyId);
  }
}

/** One that is there is from a call that was cut off. */
async function writeNewSlot(
  { bucket, random, assertHeld, onStep }: RotatePorts,
  old: VaultKeys,
  newKey: TenantKey,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (newestGeneration(old) >= MAX_GENERATION) throw worn(MAX_GENERATION);
  const { name, bytes } = sealSlot(withNewDataKey(old, random), newKey, random);
  assertHeld();
  await bucket.create(name, bytes, signal);
  await onStep('rotate:written');
}

/** The vault by the new key alone, when it can do all that the old one can. */
async function openVerified(
  { bucket, random }: RotatePorts,
  old: VaultKeys | undefined,
  oldKey: TenantKey,
  newKey: TenantKey,
  signal: AbortSignal | undefined,
): Promise<Vault> {
  // Without a slot of the old key: rotated already, or a wrong old key. Then the new one opens the vault, or this says why not.
  const vault = await openVault(bucket, old ? newKey : await keyInUse(bucket, oldKey, newKey, signal), random, signal);
  if (!vault) throw noVault(bucket.address);
  if (old && !isSuperset(vault.keys, old)) {
    const name = objectAt({ kind: 'slot', keyId: newKey.id });
    throw objectDamaged(name, 'it lacks keys that the slot of the old tenant key holds');
  }
  const head = await readHead(vault, signal);
  if (head?.newest) await readSummary(vault, head.newest, signal);
  return vault;
}

/** The key whose error tells more: when the new one has no slot either, it is the old one that is wrong. */
async function keyInUse(
  bucket: Bucket,
  oldKey: TenantKey,
  newKey: TenantKey,
  signal: AbortSignal | undefined,
): Promise<TenantKey> {
  const slot = await bucket.info(objectAt({ kind: 'slot', keyId: newKey.id }), signal);
  return slot ? newKey : oldKey;
}

function isSuperset(keys: VaultKeys, old: VaultKeys): boolean {
  const hasAll = [...old.dataKeys].every(([generation, key]) => keys.dataKeys.get(generation)?.equals(key));
  return keys.vaultId === old.vaultId && keys.namingKey.equals(old.namingKey) && hasAll;
}

function sameKey(id: KeyId): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'same_key', `the old and the new tenant key are the same, ${id}`, {
    mend: 'make a new one: 32 random bytes as 64 hex digits in a file',
  });
}

function unfinished(name: ObjectName, id: KeyId): OpenCraneError {
  const what = `a rotation to the tenant key ${id} was begun and not ended`;
  return new OpenCraneError('failed_precondition', 'rotation_unfinished', what, {
    field: name,
    mend: `rotate to that key first; if it is lost, and no agent ever ran with it, remove ${name}`,
  });
}

function worn(generation: number): OpenCraneError {
  return new OpenCraneError('resource_exhausted', 'data_keys_worn', `the vault has had ${generation} data keys`, {
    mend: 'restore its newest snapshot into a new bucket',
  });
}

function noVault(address: string): OpenCraneError {
  return new OpenCraneError('not_found', 'vault_missing', `there is no vault in ${address}`, {
    mend: 'name the tenant’s own bucket',
  });
}
