/** How much room a disk has, in the few terms that matter. */
import { statfsSync } from 'node:fs';

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
