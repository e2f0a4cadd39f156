/** What differs between two snapshots. */
import type { ManifestRef } from '../format/object-ids.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { Vault } from '../vault.ts';
import { fingerprintsOf } from './fingerprints.ts';

/** An entry that differs. Folders and links have no bytes. */
type EntryDifference = {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly fromBytes: number;
  readonly toBytes: number;
};

/** What differs, by path; `more` when there is more than was asked for. */
export type SnapshotDifference = { readonly entries: readonly EntryDifference[]; readonly more: boolean };

/** Compares two snapshots. Only one of the trees is in memory at a time. */
export async function compareSnapshots(
  vault: Vault,
  from: ManifestRef,
  to: ManifestRef,
  most: number,
  signal: AbortSignal,
): Promise<SnapshotDifference> {
  const before = fingerprintsOf((await loadSnapshot(vault, from, undefined, signal)).tree);
  const after = fingerprintsOf((await loadSnapshot(vault, to, undefined, signal)).tree);
  const entries: EntryDifference[] = [];
  for (const [path, { print, bytes: toBytes }] of after) {
    const old = before.get(path);
    if (old === undefined) entries.push({ path, change: 'added', fromBytes: 0, toBytes });
    else if (old.print !== print) entries.push({ path, change: 'changed', fromBytes: old.bytes, toBytes });
  }
  for (const [path, { bytes: fromBytes }] of before)
    if (!after.has(path)) entries.push({ path, change: 'removed', fromBytes, toBytes: 0 });
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { entries: entries.slice(0, most), more: entries.length > most };
}
