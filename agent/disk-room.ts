/** How much room a disk has, in the few terms that matter. */
import { statfsSync } from 'node:fs';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** Below this much there is no room for anything: some snapshots, logs and databases need more. */
const FULL_BYTES = 16 * 1024 ** 2;

/** Whether so few bytes are as good as none. */
export function isFull(freeBytes: number): boolean {
  return freeBytes < FULL_BYTES;
}

/** Whether the disk that a path is on is full; false when that cannot be seen. */
export function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return isFull(bavail * bsize);
  } catch {
    return false;
  }
}

/**
 * Throws where the disk that a path is on is full. OpenClaw serves on there, but does not start: it is not to be stopped for
 * what has it started again.
 */
export function requireRoom(path: string): void {
  if (!isDiskFull(path)) return;
  throw new OpenCraneError(
    'resource_exhausted',
    'disk_full',
    'stopping OpenClaw to start it again: the disk is full, and it would not come up',
    { field: path, mend: 'free some space on it; until then OpenClaw serves on as it is' },
  );
}
