/** A snapshot as it is told. */
import { create } from '@bufbuild/protobuf';
import { type Snapshot, SnapshotSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { readHead } from '../format/head.ts';
import { readSummary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { lossInWords } from '../loss/loss-watch.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Snapshots described at once; each takes two requests. */
const AT_ONCE = 12;

/** Describes snapshots. Of one whose manifest cannot be read, as much is told as its name says. */
export async function describeSnapshots(
  vault: Vault,
  refs: readonly ManifestRef[],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const newest = (await readHead(vault, signal).catch(unlessUnreadable))?.newest?.name;
  return mapConcurrently(refs, AT_ONCE, async (ref) => {
    const { name, sequence, takenAtMillis } = ref;
    const told = { sequence: BigInt(sequence), takenAtMillis: BigInt(takenAtMillis), newest: name === newest };
    const [summary, object] = await Promise.all([
      readSummary(vault, ref, signal).catch(unlessUnreadable),
      vault.bucket.info(name, signal),
    ]);
    if (!summary) return create(SnapshotSchema, told);
    const { reason, openclawVersion, epoch, packedBytes, watch } = summary;
    const addedBytes = BigInt(packedBytes + (object?.bytes ?? 0));
    return create(SnapshotSchema, {
      ...told,
      ...{ reason, openclawVersion: openclawVersion ?? '', epoch: BigInt(epoch), addedBytes },
      lost: watch?.loss ? lossInWords(watch.loss) : '',
    });
  });
}

/** Describes one. */
export async function describeSnapshot(vault: Vault, ref: ManifestRef, signal: AbortSignal): Promise<Snapshot> {
  const [described] = await describeSnapshots(vault, [ref], signal);
  return described ?? create(SnapshotSchema);
}
