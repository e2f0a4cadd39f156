/** Whose vault is in a bucket, as far as the names of its objects say: nothing is opened, so that damage does not matter. */
import type { Bucket } from '../../bucket/bucket.ts';
import { objectAt, placeOf, prefixes } from '../../bucket/layout.ts';
import type { TenantKey } from '../keys/tenant-key.ts';

/** `ours`: it has a slot of this key. `other`: only of others, or what is there of a vault has no slot at all. */
export type VaultThere = {
  readonly vault: 'none' | 'ours' | 'other';
  /** The ids of the keys that it has slots of. */
  readonly keys: readonly string[];
};

/** Looks, for whoever has this key, or none. */
export async function lookAtVault(
  bucket: Bucket,
  key: TenantKey | undefined,
  signal?: AbortSignal,
): Promise<VaultThere> {
  const keys: string[] = [];
  for await (const { name } of bucket.list(prefixes.slot, signal)) {
    const place = placeOf(name);
    if (place?.kind === 'slot') keys.push(place.keyId);
  }
  if (key !== undefined && keys.some((id) => id === key.id)) return { vault: 'ours', keys };
  const isThere = keys.length > 0 || (await hasRemains(bucket, signal));
  return { vault: isThere ? 'other' : 'none', keys };
}

/** Snapshots without a slot are a vault whose slot was lost: not every copy of a bucket is a whole one. */
async function hasRemains(bucket: Bucket, signal: AbortSignal | undefined): Promise<boolean> {
  for (const prefix of [objectAt({ kind: 'head' }), prefixes.manifest, prefixes.pack])
    if (await hasAny(bucket, prefix, signal)) return true;
  return false;
}

/** Whether anything is there whose name begins so. */
export async function hasAny(bucket: Bucket, prefix: string, signal: AbortSignal | undefined): Promise<boolean> {
  for await (const _ of bucket.list(prefix, signal)) return true;
  return false;
}
