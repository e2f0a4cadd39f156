/** What a restore in the place of the state takes away: everything since the snapshot. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Snapshot } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Choice } from './choice.ts';
import type { Vault } from './vault.ts';
import { type Way, wayWords } from './way.ts';

/** The most that a page holds; the contract's. */
const PAGE = 1000;

/** The snapshot that a choice comes to now; throws `not_found`. */
export async function findSnapshot(vault: Pick<Vault, 'list'>, { choice }: Choice, way: Way): Promise<Snapshot> {
  const wanted = choice?.case === 'sequence' ? choice.value : undefined;
  const at = choice?.case === 'atMillis' ? choice.value : undefined;
  let beforeSequence = wanted === undefined ? 0n : wanted + 1n;
  for (;;) {
    const page = await vault.list({ limit: at === undefined ? 1 : PAGE, beforeSequence });
    const found = page.snapshots.find(({ takenAtMillis }) => at === undefined || takenAtMillis <= at);
    if (found && (wanted === undefined || found.sequence === wanted)) return found;
    const oldest = page.snapshots.at(-1)?.sequence;
    if (at === undefined || !page.more || oldest === undefined) throw notFound(wanted, way);
    beforeSequence = oldest;
  }
}

/** Such as `the last 12 minutes`. */
export function lastMinutes(millis: number): string {
  const minutes = Math.ceil(Math.max(0, millis) / 60_000);
  if (minutes <= 1) return 'the last minute';
  const days = minutes / 1440;
  return `the last ${minutes} minutes${days < 1 ? '' : ` (${days.toFixed(1)} days)`}`;
}

function notFound(wanted: bigint | undefined, way: Way): OpenCraneError {
  const what = wanted === undefined ? 'there is no snapshot as old as that' : `there is no snapshot ${wanted}`;
  return new OpenCraneError('not_found', 'snapshot_not_found', what, {
    field: wanted === undefined ? 'at' : 'snapshot',
    mend: `see which there are: opencrane vault list ${wayWords(way)}`,
  });
}
