/** Snapshots for people. */
import type { Snapshot } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { TableCell } from '../output/table.ts';
import { formatAgo, formatBytes, formatTime } from '../output/units.ts';

/** The titles of `snapshotRow`. */
export const snapshotTitles = ['SNAPSHOT', 'TAKEN', 'AGO', 'WHY', 'OPENCLAW', 'ADDED'] as const;

/** A snapshot as a row of a table. `now` is the wall clock's time. */
export function snapshotRow(snapshot: Snapshot, now: number): readonly TableCell[] {
  const { sequence, takenAtMillis, clockMillis, reason, openclawVersion, addedBytes, lost } = snapshot;
  return [
    sequence,
    `${clockMillis === 0n ? '' : '~'}${formatTime(takenAtMillis)}`,
    formatAgo(takenAtMillis, now),
    lost === '' ? reason : `${reason}; LOST ${lost}`,
    openclawVersion || '-',
    formatBytes(addedBytes),
  ];
}

/** Clocks that are told in one line. */
const FEW = 5;

/** What is to be said of the times that a `~` stands before; empty when there are none. */
export function wrongClocks(snapshots: readonly Snapshot[]): string {
  const wrong = snapshots.filter(({ clockMillis }) => clockMillis !== 0n);
  if (wrong.length === 0) return '';
  const few = wrong.slice(0, FEW).map(({ sequence, clockMillis }) => `${sequence} by ${formatTime(clockMillis)}`);
  const more = wrong.length > FEW ? `, and ${wrong.length - FEW} more` : '';
  return `~ its clock said otherwise, against the snapshots around it: ${few.join(', ')}${more}`;
}

/** Such as `snapshot 41 of 2026-09-12 12:00:00Z`. */
export function snapshotText(snapshot: Snapshot | undefined): string {
  return snapshot ? `snapshot ${snapshot.sequence} of ${formatTime(snapshot.takenAtMillis)}` : 'a snapshot';
}
