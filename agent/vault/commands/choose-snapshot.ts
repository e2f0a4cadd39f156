/** The snapshot that a command means. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { SnapshotChoice } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { listManifests, type ManifestRef } from '../format/object-ids.ts';
import { findSnapshot, listSnapshots } from '../history/find-snapshot.ts';
import type { Vault } from '../vault.ts';

/** What choosing takes. */
export type ChoosePorts = { readonly vault: Vault; readonly clock: Pick<Clock, 'now'> };

/** Finds it; throws `not_found` when there is none. */
export async function chooseSnapshot(
  { vault, clock }: ChoosePorts,
  choice: SnapshotChoice | undefined,
  signal: AbortSignal,
): Promise<ManifestRef> {
  const picked = choice?.choice;
  switch (picked?.case) {
    case 'newest':
      return (await findSnapshot(vault, { by: 'newest' }, signal)) ?? none();
    case 'atMillis':
      return (
        (await findSnapshot(vault, { by: 'time', millis: Number(picked.value), nowMillis: clock.now() }, signal)) ??
        none()
      );
    case 'sequence':
      return bySequence(vault, Number(picked.value), signal);
    case undefined:
      throw new OpenCraneError('invalid_argument', 'choice_missing', 'it is not said which snapshot', {
        field: 'snapshot',
        mend: 'name the newest, a time, or the number of a snapshot',
      });
  }
}

async function bySequence(vault: Vault, sequence: number, signal: AbortSignal): Promise<ManifestRef> {
  const snapshots = await listSnapshots(vault, signal).catch(async (cause: unknown) => {
    // The head alone is broken: a snapshot that is named needs none.
    const isHead = cause instanceof OpenCraneError && (cause.code === 'data_loss' || cause.reason === 'head_replayed');
    const named = isHead ? await listManifests(vault.bucket, { first: sequence, last: sequence }, signal) : [];
    if (named.length === 0) throw cause;
    return named;
  });
  const found = snapshots.findLast((ref) => ref.sequence === sequence);
  const [first, last] = [snapshots[0], snapshots.at(-1)];
  if (found) return found;
  if (!first || !last) return none();
  throw new OpenCraneError('not_found', 'snapshot_not_found', `there is no snapshot ${sequence}`, {
    field: 'snapshot',
    mend: `take one from the list; the oldest is ${first.sequence}, the newest ${last.sequence}`,
  });
}

function none(): never {
  throw new OpenCraneError('not_found', 'snapshot_not_found', 'the vault has no snapshot yet', {
    field: 'snapshot',
    mend: 'let the tenant’s agent run until it has taken one',
  });
}
