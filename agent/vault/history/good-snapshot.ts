/** When a snapshot cannot be read: the newest one before the damage that can. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { isObjectName, objectAt, placeOf, prefixes } from '../../bucket/layout.ts';
import { listManifests, type ManifestRef, sequenceOfPack } from '../format/object-ids.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Snapshots that are looked at. Each costs a reading of its chain; damage of more than so many is no accident. */
const LOOKS = 16;

/** Says in an error about damaged or missing objects which snapshot may be restored in place. Other errors stay as they are. */
export async function withGoodSnapshot(vault: Vault, error: unknown, signal?: AbortSignal): Promise<unknown> {
  if (!(error instanceof OpenCraneError) || error.code !== 'data_loss') return error;
  const good = await newestGoodBefore(vault, error.field, signal).catch(() => undefined); // the first error counts
  const mend = good
    ? `restore snapshot ${good.sequence} (${good.name}; ${new Date(good.clockMillis).toISOString()} by the clock of its writer), the newest good snapshot before it ("opencrane vault recover" makes it the newest), or: ${error.mend}`
    : `no snapshot before it is good; ${error.mend}`;
  return new OpenCraneError(error.code, error.reason, error.message, { field: error.field, mend, cause: error.cause });
}

/** The newest snapshot before an object whose manifests open and whose packs are all there in their length. */
async function newestGoodBefore(
  vault: Vault,
  broken: string,
  signal: AbortSignal | undefined,
): Promise<ManifestRef | undefined> {
  const refs = await listManifests(vault.bucket, { first: 0, last: lastBefore(broken) }, signal);
  const packs = await packLengths(vault, signal);
  for (const ref of refs.reverse().slice(0, LOOKS)) if (await opens(vault, ref, packs, signal)) return ref;
  return undefined;
}

/** The newest snapshot that is good; undefined when none of the last ones is. */
export function newestGood(vault: Vault, signal?: AbortSignal): Promise<ManifestRef | undefined> {
  return newestGoodBefore(vault, objectAt({ kind: 'head' }), signal);
}

/** Whether the manifests of a snapshot open, and its packs are all there in their length. */
export async function isGood(vault: Vault, ref: ManifestRef, signal?: AbortSignal): Promise<boolean> {
  return opens(vault, ref, await packLengths(vault, signal), signal);
}

async function opens(
  vault: Vault,
  ref: ManifestRef,
  packs: ReadonlyMap<ObjectName, number>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const loaded = await loadSnapshot(vault, ref, undefined, signal).catch(unlessUnreadable);
  return loaded !== undefined && hasPacks(loaded.tree, packs);
}

/** Number of the last snapshot that cannot need an object. */
function lastBefore(broken: string): number {
  const place = isObjectName(broken) ? placeOf(broken) : undefined;
  if (place?.kind === 'manifest') return place.sequence - 1;
  if (place?.kind === 'pack') return sequenceOfPack(place.id) - 1;
  return Number.MAX_SAFE_INTEGER; // the head: no snapshot needs it
}

async function packLengths({ bucket }: Vault, signal: AbortSignal | undefined): Promise<Map<ObjectName, number>> {
  const lengths = new Map<ObjectName, number>();
  for await (const { name, bytes } of bucket.list(prefixes.pack, signal)) lengths.set(name, bytes);
  return lengths;
}

function hasPacks({ packs }: TreeIndex, lengths: ReadonlyMap<ObjectName, number>): boolean {
  for (let number = 0; number < packs.count; number += 1) {
    const { id, bytes } = packs.get(number);
    if (lengths.get(objectAt({ kind: 'pack', id })) !== bytes) return false;
  }
  return true;
}
