/**
 * Finds manifests that no head ever named: a writer that was killed or fenced between writing one and moving the head has left
 * it, and the next snapshot has the same number. Which of the two is a snapshot, the one after it says.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import { readSummary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** The orphans up to the newest snapshot. When nobody can tell which of several is a snapshot, none is an orphan. */
export async function findOrphans(
  vault: Vault,
  manifests: readonly ManifestRef[],
  newest: ManifestRef,
  signal?: AbortSignal,
): Promise<Set<ObjectName>> {
  const orphans = new Set<ObjectName>();
  let after: ManifestRef | undefined;
  for (const rivals of byNumber(manifests, newest.sequence)) {
    const snapshot = await snapshotAmong(vault, rivals, newest, after, signal);
    for (const { name } of snapshot ? rivals : []) if (name !== snapshot?.name) orphans.add(name);
    after = snapshot;
  }
  return orphans;
}

/** Those up to a number, together when they share one; the last come first. */
function byNumber(manifests: readonly ManifestRef[], last: number): ManifestRef[][] {
  const groups = new Map<number, ManifestRef[]>();
  for (const ref of manifests.toReversed()) {
    if (ref.sequence > last) continue;
    const group = groups.get(ref.sequence);
    if (group) group.push(ref);
    else groups.set(ref.sequence, [ref]);
  }
  return [...groups.values()];
}

async function snapshotAmong(
  vault: Vault,
  rivals: readonly ManifestRef[],
  newest: ManifestRef,
  after: ManifestRef | undefined,
  signal: AbortSignal | undefined,
): Promise<ManifestRef | undefined> {
  const [first] = rivals;
  if (first?.sequence === newest.sequence) return newest;
  if (rivals.length === 1) return first;
  if (first === undefined || after?.sequence !== first.sequence + 1) return undefined;
  const parent = await readSummary(vault, after, signal).then(({ parent: name }) => name, unlessUnreadable);
  return rivals.find(({ name }) => name === parent);
}
