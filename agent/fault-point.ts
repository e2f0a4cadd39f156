/**
 * Named places where a test may strike, so that a kill is placed by what the program does and not by time.
 *
 * - `OPENCRANE_FAULT_AT` names a place where this process kills itself. `OPENCRANE_FAULT_ONCE` is a file that is created
 *   first, so that the process that comes after lives past it.
 * - `OPENCRANE_FAULT_FILE` is a file into which a test may write a place's name at any time. The process that comes there
 *   takes the file away, leaves its pid in the file with `.hit` after its name, and stands still (SIGSTOP) until it is told
 *   to go on, so that the test may kill it or any other process meanwhile.
 *
 * Without these variables this does nothing.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';

/** Ends this process with SIGKILL, or lets it stand still, when the test asked for it at this place. */
export function faultPoint(name: string, environment: NodeJS.ProcessEnv = process.env): void {
  const file = environment['OPENCRANE_FAULT_FILE'];
  if (file !== undefined) standStill(file, name);
  if (environment['OPENCRANE_FAULT_AT'] !== name) return;
  const once = environment['OPENCRANE_FAULT_ONCE'];
  if (once !== undefined && !createdNow(once, name)) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal may reach another thread first; this one must not go on.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function standStill(file: string, name: string): void {
  if (readIfThere(file) !== name) return;
  rmSync(file);
  writeFileSync(`${file}.hit`, String(process.pid));
  process.kill(process.pid, 'SIGSTOP');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
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
