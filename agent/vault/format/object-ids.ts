/**
 * Ids of manifests and packs. What one needs to plan is in the name, so that listing is enough to find a snapshot by its
 * time, the manifests that a delta descends from, and the packs that a range of snapshots wrote.
 *
 *   manifest id  DD MMMMMMMMMMM RRR              depth, time in milliseconds, random: 2 + 11 + 3 hex digits
 *   pack id      SSSSSSSSSSSS RRRRRRRRRRRRRRRRRRRR    sequence number of the snapshot it was written for, random: 12 + 20
 */
import type { Bucket, ObjectName } from '../../bucket/bucket.ts';
import { objectAt, type PackId, parseManifestId, parsePackId, placeOf, prefixes } from '../../bucket/layout.ts';
import type { Random } from '../keys/random.ts';

/** A manifest by its name. */
export type ManifestRef = {
  readonly name: ObjectName;
  /** Counts the snapshots of a vault from 1. */
  readonly sequence: number;
  /** How many manifests it descends from: 0 for a full one. Those have the sequence numbers just before its own. */
  readonly depth: number;
  /** What the clock of its writer said. Clocks may be wrong: when it was taken is told by history/believed-times.ts. */
  readonly clockMillis: number;
  /** When the bucket's own server took it, where there is one and it was listed. */
  readonly serverMillis?: number;
};

/** What the name of a manifest tells. */
export type ManifestFacts = Pick<ManifestRef, 'sequence' | 'depth' | 'clockMillis'>;

/** The longest chain is one full manifest and this many deltas. */
export const MAX_DEPTH = 255;

const ANY_ID = parseManifestId('0'.repeat(16));

/** A name for a manifest. The random part tells apart what two writers made of one sequence number. */
export function newManifestRef(facts: ManifestFacts, random: Random): ManifestRef {
  const { sequence, depth, clockMillis } = facts;
  const id = `${hex(depth, 2)}${hex(clockMillis, 11)}${random(2).toString('hex').slice(1)}`;
  return { ...facts, name: objectAt({ kind: 'manifest', sequence, id: parseManifestId(id) }) };
}

/** Takes a name apart; undefined when it is no manifest's. */
export function manifestRef(name: ObjectName, serverMillis?: number): ManifestRef | undefined {
  const place = placeOf(name);
  if (place?.kind !== 'manifest') return undefined;
  const depth = Number.parseInt(place.id.slice(0, 2), 16);
  const clockMillis = Number.parseInt(place.id.slice(2, 13), 16);
  return { name, sequence: place.sequence, depth, clockMillis, ...(serverMillis !== undefined && { serverMillis }) };
}

/** The manifests that lie in the bucket, by sequence number; all, or those of a range (both ends included). */
export async function listManifests(
  bucket: Bucket,
  range?: { readonly first: number; readonly last: number },
  signal?: AbortSignal,
): Promise<ManifestRef[]> {
  const refs: ManifestRef[] = [];
  for await (const { name, serverMillis } of bucket.list(range ? commonPrefix(range) : prefixes.manifest, signal)) {
    const ref = manifestRef(name, serverMillis);
    if (ref && (!range || (ref.sequence >= range.first && ref.sequence <= range.last))) refs.push(ref);
  }
  return refs;
}

/** A new pack's id. */
export function newPackId(sequence: number, random: Random): PackId {
  return parsePackId(`${hex(sequence, 12)}${random(10).toString('hex')}`);
}

/** The sequence number of the snapshot that a pack was written for. No older snapshot needs it. */
export function sequenceOfPack(id: PackId): number {
  return Number.parseInt(id.slice(0, 12), 16);
}

/** What the names of a range begin with. */
function commonPrefix({ first, last }: { readonly first: number; readonly last: number }): string {
  const a = objectAt({ kind: 'manifest', sequence: first, id: ANY_ID });
  const b = objectAt({ kind: 'manifest', sequence: last, id: ANY_ID });
  let common = 0;
  while (common < a.length && a[common] === b[common]) common += 1;
  return a.slice(0, Math.min(common, a.length - ANY_ID.length));
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
