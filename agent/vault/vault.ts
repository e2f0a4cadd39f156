/**
 * A vault: one tenant's snapshots in one bucket, opened with the tenant's key.
 *
 *   slot of our key there ──▶ open
 *   none ──slots of other keys──▶ wrong_key
 *     └─no slot at all──manifests, packs or a head there──▶ object_missing
 *                  └────nothing at all──▶ no vault yet: only `createVault` makes one
 *
 * A read that failed is none of these: it throws.
 */
import type { Bucket, ObjectName } from '../bucket/bucket.ts';
import { objectAt, placeOf, prefixes } from '../bucket/layout.ts';
import { objectMissing, wrongKey } from './errors.ts';
import type { Random } from './keys/random.ts';
import { openSlot, sealSlot, vaultOfSlot } from './keys/slot.ts';
import type { TenantKey } from './keys/tenant-key.ts';
import { newVaultKeys, type VaultKeys } from './keys/vault-keys.ts';

/** An open vault. */
export type Vault = { readonly bucket: Bucket; readonly keys: VaultKeys; readonly random: Random };

/** Opens the vault in a bucket; undefined when there surely is none. */
export async function openVault(
  bucket: Bucket,
  tenantKey: TenantKey,
  random: Random,
  signal?: AbortSignal,
): Promise<Vault | undefined> {
  const name = objectAt({ kind: 'slot', keyId: tenantKey.id });
  const slot = await bucket.read(name, undefined, signal);
  if (slot) return { bucket, random, keys: openSlot(name, slot.bytes, tenantKey) };
  const others = await namesBelow(bucket, prefixes.slot, signal);
  if (others.length > 0) throw wrongKey(tenantKey.id, others.map(keyIdOf));
  for (const prefix of ['vault/head', prefixes.manifest, prefixes.pack]) {
    if (!(await isEmpty(bucket, prefix, signal)))
      throw objectMissing(prefixes.slot, 'there are snapshots, but no slot with the keys that open them');
  }
  return undefined;
}

/** Makes a vault in a bucket that has none. Whoever calls holds the tenant's lease. */
export async function createVault(
  bucket: Bucket,
  tenantKey: TenantKey,
  random: Random,
  signal?: AbortSignal,
): Promise<Vault> {
  const there = await openVault(bucket, tenantKey, random, signal);
  if (there) return there;
  const keys = newVaultKeys(random);
  const { name, bytes } = sealSlot(keys, tenantKey, random);
  await bucket.create(name, bytes, signal);
  // Another may have made one meanwhile; with this key, or with another one. What is there counts, not what was sent.
  const made = await openVault(bucket, tenantKey, random, signal);
  if (!made) throw objectMissing(name, 'it was written a moment ago');
  const rivals = (await namesBelow(bucket, prefixes.slot, signal)).filter((other) => other !== name);
  for (const rival of rivals) await refuseRival(made, name, rival, tenantKey, signal);
  return made;
}

/** Two vaults in one bucket would each see the other's objects as foreign. Ours is empty yet, so its slot goes. */
async function refuseRival(
  { bucket, keys }: Vault,
  own: ObjectName,
  rival: ObjectName,
  tenantKey: TenantKey,
  signal: AbortSignal | undefined,
): Promise<void> {
  const slot = await bucket.read(rival, undefined, signal);
  if (!slot || vaultOfSlot(rival, slot.bytes) === keys.vaultId) return;
  await bucket.delete(own, signal);
  throw wrongKey(tenantKey.id, [keyIdOf(rival)]);
}

async function namesBelow(bucket: Bucket, prefix: string, signal: AbortSignal | undefined): Promise<ObjectName[]> {
  const names: ObjectName[] = [];
  for await (const { name } of bucket.list(prefix, signal)) names.push(name);
  return names;
}

async function isEmpty(bucket: Bucket, prefix: string, signal: AbortSignal | undefined): Promise<boolean> {
  for await (const _ of bucket.list(prefix, signal)) return false;
  return true;
}

function keyIdOf(name: ObjectName): string {
  const place = placeOf(name);
  return place?.kind === 'slot' ? place.keyId : name;
}
