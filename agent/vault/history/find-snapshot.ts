/** Finds the snapshot that somebody asks for. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { checkedHead } from '../format/head.ts';
import { listManifests, type ManifestRef, manifestRef } from '../format/object-ids.ts';
import type { Vault } from '../vault.ts';
import { committed } from './committed.ts';

/** Which snapshot: the newest, the newest that is not later than a time, or one by its name. */
export type Wanted =
  | { readonly by: 'newest' }
  | { readonly by: 'time'; readonly millis: number }
  | { readonly by: 'name'; readonly name: ObjectName };

/** Every snapshot of a vault, oldest first. Reads the names and the head, and little else. */
export async function listSnapshots(vault: Vault, signal?: AbortSignal): Promise<ManifestRef[]> {
  const head = await checkedHead(vault, signal);
  if (!head?.newest) return [];
  return committed(vault, await listManifests(vault.bucket, undefined, signal), head.newest, signal);
}

/** Finds a snapshot; undefined when the vault has none yet. One by its name is found without the head. */
export async function findSnapshot(
  vault: Vault,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<ManifestRef | undefined> {
  switch (wanted.by) {
    case 'newest':
      return (await checkedHead(vault, signal))?.newest;
    case 'time':
      return latestUntil(await listSnapshots(vault, signal), wanted.millis);
    case 'name':
      return byName(wanted.name);
  }
}

function byName(name: ObjectName): ManifestRef {
  const ref = manifestRef(name);
  if (ref) return ref;
  throw new OpenCraneError('invalid_argument', 'snapshot_name_invalid', `${name} is not the name of a snapshot`, {
    field: 'snapshot',
    mend: 'take one from the list of snapshots',
  });
}

/** The last whose time is not later. Times grow with the numbers. */
function latestUntil(snapshots: readonly ManifestRef[], millis: number): ManifestRef | undefined {
  const found = snapshots.findLast(({ takenAtMillis }) => takenAtMillis <= millis);
  if (found || snapshots.length === 0) return found;
  const first = new Date(snapshots[0]?.takenAtMillis ?? 0).toISOString();
  throw new OpenCraneError('not_found', 'snapshot_not_found', `the oldest snapshot is of ${first}`, {
    field: 'time',
    mend: 'name a later time',
  });
}
