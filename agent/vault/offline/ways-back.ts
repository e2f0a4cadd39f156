/**
 * Snapshots that may be the way back from a change of OpenClaw's version. The agent knows which are (runtime/kept-states.ts), by
 * files on its disk; without it, the last snapshot of each version is taken for one.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import { readSummary } from '../format/manifest.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

const READS = 16;

/** Finds them. */
export async function waysBack(vault: Vault, signal: AbortSignal): Promise<Set<ObjectName>> {
  const snapshots = await listSnapshots(vault, signal);
  const versions = await mapConcurrently(snapshots, READS, async (ref) => {
    const summary = await readSummary(vault, ref, signal).catch(unlessUnreadable);
    return summary?.openclawVersion ?? null;
  });
  const last = snapshots.filter((_, at) => versions[at] !== versions[at + 1]);
  return new Set(last.map(({ name }) => name));
}
