/**
 * A short way to a folder. Paths that the kernel takes have 4,095 bytes at most, so what a state had room for below its own
 * folder may have none below another one with a longer name. Through a descriptor the folder's own path does not count (Linux).
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';

/** PATH_MAX without the byte that ends it (limits.h). */
const PATH_BYTES = 4095;

/** Does `work` with a path of a folder that leaves room for a path of `longest` bytes below it, where the system has such a way. */
export async function withShortRoot<T>(
  folder: string,
  longest: number,
  work: (root: string) => Promise<T>,
): Promise<T> {
  if (Buffer.byteLength(folder) + 1 + longest <= PATH_BYTES || !existsSync('/proc/self/fd')) return work(folder);
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await work(`${existsSync('/dev/fd') ? '/dev/fd' : '/proc/self/fd'}/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}
