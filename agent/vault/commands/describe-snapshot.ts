/** A snapshot as it is told. */
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Snapshot, SnapshotSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { readHead } from '../format/head.ts';
import { readSummary } from '../format/manifest.ts';
import { listManifests, type ManifestRef } from '../format/object-ids.ts';
import type { Believed } from '../history/believed-times.ts';
import { timesOf } from '../history/find-snapshot.ts';
import { lossInWords } from '../loss/loss-watch.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Snapshots described at once; each takes two requests. */
const AT_ONCE = 12;

/** What describing takes. */
export type DescribePorts = { readonly vault: Vault; readonly clock: Pick<Clock, 'now'> };

/** Describes snapshots. Of one whose manifest cannot be read, as much is told as its name says. */
export async function describeSnapshots(
  { vault, clock }: DescribePorts,
  refs: readonly ManifestRef[],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const newest = (await readHead(vault, signal).catch(unlessUnreadable))?.newest?.name;
  const timeOf = timesOf(await listManifests(vault.bucket, undefined, signal), clock.now());
  return mapConcurrently(refs, AT_ONCE, async (ref) => {
    const { name, sequence } = ref;
    const known = { sequence: BigInt(sequence), ...told(timeOf(ref), ref), newest: name === newest };
    const [summary, object] = await Promise.all([
      readSummary(vault, ref, signal).catch(unlessUnreadable),
      vault.bucket.info(name, signal),
    ]);
    if (!summary) return create(SnapshotSchema, known);
    const { reason, openclawVersion, epoch, packedBytes, watch } = summary;
    const addedBytes = BigInt(packedBytes + (object?.bytes ?? 0));
    return create(SnapshotSchema, {
      ...known,
      ...{ reason, openclawVersion: openclawVersion ?? '', epoch: BigInt(epoch), addedBytes },
      lost: watch?.loss ? lossInWords(watch.loss) : '',
    });
  });
}

/** Describes one. */
export async function describeSnapshot(ports: DescribePorts, ref: ManifestRef, signal: AbortSignal): Promise<Snapshot> {
  const [described] = await describeSnapshots(ports, [ref], signal);
  return described ?? create(SnapshotSchema);
}

/** When it was taken, and what its clock said when that is not believed. */
function told(time: Believed, { clockMillis }: ManifestRef) {
  const takenAtMillis = BigInt(Math.round(time.millis));
  return time.isClock ? { takenAtMillis } : { takenAtMillis, clockMillis: BigInt(clockMillis) };
}
