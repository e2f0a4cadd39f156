/** Snapshots for people. */
import type { Snapshot } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { TableCell } from '../output/table.ts';
import { formatAgo, formatBytes, formatTime } from '../output/units.ts';

/** The titles of `snapshotRow`. */
export const snapshotTitles = ['SNAPSHOT', 'TAKEN', 'AGO', 'WHY', 'OPENCLAW', 'ADDED'] as const;

/** A snapshot as a row of a table. `now` is the wall clock's time. */
export function snapshotRow(snapshot: Snapshot, now: number): readonly TableCell[] {
  const { sequence, takenAtMillis, reason, openclawVersion, addedBytes, lost } = snapshot;
  return [
    sequence,
    formatTime(takenAtMillis),
    formatAgo(takenAtMillis, now),
    lost === '' ? reason : `${reason}; LOST ${lost}`,
    openclawVersion || '-',
    formatBytes(addedBytes),
  ];
}

/** Such as `snapshot 41 of 2026-09-12 12:00:00Z`. */
export function snapshotText(snapshot: Snapshot | undefined): string {
  return snapshot ? `snapshot ${snapshot.sequence} of ${formatTime(snapshot.takenAtMillis)}` : 'a snapshot';
}
