/** Finds the snapshot that somebody asks for. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { checkedHead } from '../format/head.ts';
import { listManifests, type ManifestRef, manifestRef } from '../format/object-ids.ts';
import type { Vault } from '../vault.ts';
import { type Believed, believedTimes } from './believed-times.ts';
import { committed } from './committed.ts';

/** Which snapshot: the newest, the newest that is not later than a time, or one by its name. */
export type Wanted =
  | { readonly by: 'newest' }
  /** `nowMillis` is this machine's clock. */
  | { readonly by: 'time'; readonly millis: number; readonly nowMillis: number }
  | { readonly by: 'name'; readonly name: ObjectName };

/** Every snapshot of a vault, oldest first. Reads the names and the head, and little else. */
export async function listSnapshots(vault: Vault, signal?: AbortSignal): Promise<ManifestRef[]> {
  const head = await checkedHead(vault, signal);
  const newest = head?.newest;
  if (!newest) return [];
  const refs = await listManifests(vault.bucket, undefined, signal);
  return committed(vault, refs, refs.find(({ name }) => name === newest.name) ?? newest, signal);
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
      return latestUntil(await listSnapshots(vault, signal), wanted.millis, wanted.nowMillis);
    case 'name':
      return byName(wanted.name);
  }
}

/** When each of these snapshots was taken. They are in the order of their numbers; `nowMillis` is this machine's clock. */
export function timesOf(refs: readonly ManifestRef[], nowMillis: number): (ref: ManifestRef) => Believed {
  const { times } = believedTimes(refs, nowMillis);
  const byName = new Map(refs.map(({ name }, at) => [name, times[at]]));
  return ({ name, clockMillis }) => byName.get(name) ?? { millis: clockMillis, isClock: true };
}

function byName(name: ObjectName): ManifestRef {
  const ref = manifestRef(name);
  if (ref) return ref;
  throw new OpenCraneError('invalid_argument', 'snapshot_name_invalid', `${name} is not the name of a snapshot`, {
    field: 'snapshot',
    mend: 'take one from the list of snapshots',
  });
}

/** The last whose time is not later. */
function latestUntil(snapshots: readonly ManifestRef[], millis: number, nowMillis: number): ManifestRef | undefined {
  const { times } = believedTimes(snapshots, nowMillis);
  const found = times.findLastIndex((time) => time.millis <= millis);
  if (found >= 0 || snapshots.length === 0) return snapshots[found];
  const first = new Date(times[0]?.millis ?? 0).toISOString();
  throw new OpenCraneError('not_found', 'snapshot_not_found', `the oldest snapshot is of ${first}`, {
    field: 'time',
    mend: 'name a later time',
  });
}
