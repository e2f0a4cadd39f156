/** Snapshots that are the way back from a loss that is there, or that may be found in the next one. */
import type { ObjectName } from '../../bucket/bucket.ts';
import { readSummary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Finds them, going by the newest snapshot. They are not to be pruned, whatever their age. */
export async function watchedBy(vault: Vault, newest: ManifestRef, signal: AbortSignal): Promise<Set<ObjectName>> {
  const watch = (await readSummary(vault, newest, signal).catch(unlessUnreadable))?.watch;
  return new Set(watch ? [watch.full, ...(watch.loss ? [watch.loss.last] : [])] : []);
}
