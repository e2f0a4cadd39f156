/**
 * Which manifests in a bucket are snapshots. A writer that was killed or fenced may have left a manifest that no head ever
 * named; it has the number of the one that took its place.
 */
import { readSummary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import type { Vault } from '../vault.ts';

/** The snapshots up to `newest` among all manifests, oldest first. Reads summaries only where a number is there twice. */
export async function committed(
  vault: Vault,
  refs: readonly ManifestRef[],
  newest: ManifestRef,
  signal?: AbortSignal,
): Promise<ManifestRef[]> {
  const snapshots = [newest];
  let next = newest;
  for (const rivals of byNumber(refs, newest.sequence).reverse()) {
    const snapshot = rivals.length > 1 ? await parentAmong(vault, rivals, next, signal) : rivals[0];
    if (!snapshot) continue;
    snapshots.push(snapshot);
    next = snapshot;
  }
  return snapshots.reverse();
}

/** Those before a number, together when they share one. */
function byNumber(refs: readonly ManifestRef[], before: number): ManifestRef[][] {
  const groups = new Map<number, ManifestRef[]>();
  for (const ref of refs) {
    if (ref.sequence >= before) continue;
    groups.set(ref.sequence, [...(groups.get(ref.sequence) ?? []), ref]);
  }
  return [...groups.values()];
}

async function parentAmong(
  vault: Vault,
  rivals: readonly ManifestRef[],
  next: ManifestRef,
  signal: AbortSignal | undefined,
): Promise<ManifestRef | undefined> {
  const { parent } = await readSummary(vault, next, signal);
  // When the one between was pruned nobody can tell any more; each is a whole snapshot, so the last one will do.
  return rivals.find(({ name }) => name === parent) ?? rivals.at(-1);
}
