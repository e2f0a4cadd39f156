/**
 * What the files on this disk looked like when the vault read them last. A file that still looks so is not read again. Other
 * than the times of files, that of their last change of status cannot be set by a program, so nothing passes unseen.
 */
import type { BigIntStats, Stats } from 'node:fs';
import type { ObjectName } from '../../bucket/bucket.ts';
import type { FileTime } from '../tree/entries.ts';
import type { DatabasePosition } from './database-source.ts';

/** Inode, size, times of the last change of content and of status in milliseconds. */
export type SeenFile = readonly [inode: number, size: number, modifiedMillis: number, changedMillis: number];

/** What was seen, by path. It is true of the tree of `manifest`, and of none before the first snapshot. */
export type Seen = {
  readonly manifest: ObjectName | null;
  readonly files: Map<string, SeenFile>;
  readonly positions: Map<string, DatabasePosition>;
};

/** What is new in what was seen; null is forgotten. */
export type SeenChange = {
  readonly files: ReadonlyMap<string, SeenFile | null>;
  readonly positions: ReadonlyMap<string, DatabasePosition>;
};

/** Steps of the kernel's clock are 1 to 10 ms: a write within one would not show. What changed just now is read again. */
export const CLOCK_STEP_MILLIS = 50;

/** What to remember of a file that was read; undefined when a change might hide behind the same times. */
export function seenFile(stats: BigIntStats, nowMillis: number): SeenFile | undefined {
  const seen = [Number(stats.ino), Number(stats.size), millis(stats.mtimeNs), millis(stats.ctimeNs)] as const;
  return seen[3] > nowMillis - CLOCK_STEP_MILLIS ? undefined : seen;
}

/** Whether a file looks as it was seen. */
export function looksSeen(seen: SeenFile | undefined, stats: Stats): boolean {
  return (
    seen !== undefined &&
    seen[3] === stats.ctimeMs &&
    seen[2] === stats.mtimeMs &&
    seen[1] === stats.size &&
    seen[0] === stats.ino
  );
}

/** Whether two looks at one file are the same. */
export function looksSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;
}

/** The time of a file's last change of content. */
export function timeOf({ mtimeNs }: BigIntStats): FileTime {
  const nanoseconds = Number(((mtimeNs % BILLION) + BILLION) % BILLION);
  return { seconds: Number((mtimeNs - BigInt(nanoseconds)) / BILLION), nanoseconds };
}

/** Takes a change over. */
export function applySeen({ files, positions }: Seen, change: SeenChange): void {
  for (const [path, seen] of change.files) {
    if (seen) files.set(path, seen);
    else files.delete(path);
    if (!seen) positions.delete(path);
  }
  for (const [path, position] of change.positions) positions.set(path, position);
}

const BILLION = 1_000_000_000n;

/** As Node makes it of seconds and nanoseconds, bit for bit. */
function millis(nanoseconds: bigint): number {
  return Number(nanoseconds / BILLION) * 1e3 + Number(nanoseconds % BILLION) / 1e6;
}
