/** Tells whether a program of a tenant lives, also when it is not our child. */
import { readFileIfExists } from '@opencrane/kit/atomic-file.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';

/** The marks that a program leaves while it lives. */
export type Marks = {
  /** It holds this process lock (kit/process-lock.ts). */
  readonly lock: string;
  /** It has written its process id here. */
  readonly pid: string;
};

/** The process id of a program that lives, or 0. The lock decides: a number may be another process's by now. */
export async function findLiving(marks: Marks): Promise<number> {
  const pid = Number.parseInt((await readFileIfExists(marks.pid)) ?? '', 10);
  return pid > 0 && isAlive(pid, marks.lock) ? pid : 0;
}

/** Whether the process is there and holds the lock. A zombie that nobody waits for holds nothing any more. */
export function isAlive(pid: number, lock: string): boolean {
  return processExists(pid) && isLocked(lock);
}

/** Whether some process holds the lock at a path. */
export function isLocked(lock: string): boolean {
  try {
    takeProcessLock(lock, 'a program').release();
    return false;
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.reason === 'lock_held') return true;
    throw cause;
  }
}
