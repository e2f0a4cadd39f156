/**
 * Removes a vault and everything else in its bucket, for good, with the key of the vault:
 *
 *   a slot of this key is there ─▶ lease taken ─▶ all but slots and lease gone ─▶ slots gone ─▶ lease handed over ─▶ lease gone
 *   no vault, a lease: one that was cut off ────────────────────────────────────────────────────────┘
 *   no vault, no lease: no agent was ever here ─▶ nothing is removed
 *   another's vault ─▶ wrong_key, and nothing is removed
 *
 * The slot is what says whose all of it is, so it goes last: cut off anywhere, it is done to its end by doing it again.
 */
import type { ErasableBucket, Erased } from '../../bucket/bucket.ts';
import { objectAt, prefixes } from '../../bucket/layout.ts';
import { objectMissing, wrongKey } from '../errors.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import { hasAny, lookAtVault } from './look.ts';

/** What removing takes. */
export type RemovePorts = {
  readonly bucket: ErasableBucket;
  /** Does work under the tenant's lease. */
  readonly underLease: (work: (stop: AbortSignal) => Promise<Erased>) => Promise<Erased>;
  /** Awaited after each step, as `remove:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
};

/** What was removed, and whether anything is in the bucket still. */
export type VaultRemoved = Erased & { readonly left: boolean };

const LEASE = objectAt({ kind: 'lease' });

/** Removes it. */
export async function removeVault(key: TenantKey, ports: RemovePorts, signal: AbortSignal): Promise<VaultRemoved> {
  const { bucket, underLease, onStep } = ports;
  const { vault, keys } = await lookAtVault(bucket, key, signal);
  if (vault === 'other') throw keys.length > 0 ? wrongKey(key.id, keys) : slotsLost();
  if (vault === 'none' && !(await hasAny(bucket, LEASE, signal)))
    return { objects: 0, bytes: 0, left: !(await bucket.isEmpty(signal)) };
  const under = await underLease(async (stop) => {
    const most = await bucket.erase([prefixes.slot, LEASE], stop);
    await onStep('remove:content');
    const slots = await bucket.erase([LEASE], stop);
    await onStep('remove:slots');
    return sum(most, slots);
  });
  await onStep('remove:released');
  const rest = await bucket.erase([], signal);
  return { ...sum(under, rest), left: !(await bucket.isEmpty(signal)) };
}

function slotsLost() {
  return objectMissing(prefixes.slot, 'there are snapshots, and nothing says with which key they were made');
}

function sum(one: Erased, other: Erased): Erased {
  return { objects: one.objects + other.objects, bytes: one.bytes + other.bytes };
}
