/** Orders to a vault in words, for the audit log and the events. */
import type { ExportFiles, RestoreSnapshot, SnapshotChoice } from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** Such as `restore of snapshot 12 asked for, in the place of the state`. */
export function restoreInWords({ snapshot, path, into }: RestoreSnapshot): string {
  const where = into === '' ? 'in the place of the state' : `into ${into}`;
  return `restore of ${filesInWords(snapshot, path)} asked for, ${where}`;
}

/** Such as `export of agents/main of the newest snapshot asked for`. */
export function exportInWords({ snapshot, path }: ExportFiles): string {
  return `export of ${filesInWords(snapshot, path)} asked for`;
}

function filesInWords(choice: SnapshotChoice | undefined, path: string): string {
  return path === '' ? choiceInWords(choice) : `${path} of ${choiceInWords(choice)}`;
}

function choiceInWords(choice: SnapshotChoice | undefined): string {
  const picked = choice?.choice;
  if (picked?.case === 'sequence') return `snapshot ${picked.value}`;
  if (picked?.case === 'atMillis') return `the snapshot as of ${momentInWords(picked.value)}`;
  return 'the newest snapshot';
}

/** Whoever calls may send any number; only so many are moments. https://tc39.es/ecma262/#sec-time-values-and-time-range */
function momentInWords(millis: bigint): string {
  return millis <= 8_640_000_000_000_000n ? new Date(Number(millis)).toISOString() : `${millis} ms`;
}
