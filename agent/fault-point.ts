/**
 * Named places where a test may kill this process, so that a kill is placed by what the program does and not by time.
 * `OPENCRANE_FAULT_AT` names the place; `OPENCRANE_FAULT_ONCE` is a file that is created first, so that the process
 * that comes after lives past it. Without `OPENCRANE_FAULT_AT` this does nothing.
 */
import { writeFileSync } from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';

/** Ends this process with SIGKILL when the test asked for it at this place. */
export function faultPoint(name: string, environment: NodeJS.ProcessEnv = process.env): void {
  if (environment['OPENCRANE_FAULT_AT'] !== name) return;
  const once = environment['OPENCRANE_FAULT_ONCE'];
  if (once !== undefined && !createdNow(once, name)) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal may reach another thread first; this one must not go on.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function createdNow(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return false;
    throw cause;
  }
}
