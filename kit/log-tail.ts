/** The end of a log that a program wrote. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** Enough for an error with its stack trace. */
const MOST_BYTES = 8 * 1024;

/** The newest text of a log, at most 8 KiB, and nothing from before `begin`; a log that is shorter was begun anew. */
export function readLogTail(path: string, begin: number): string {
  const size = sizeOfLog(path);
  const from = Math.max(size < begin ? 0 : begin, size - MOST_BYTES);
  const buffer = Buffer.alloc(Math.max(0, size - from));
  if (buffer.length === 0) return '';
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, buffer.length, from);
  } finally {
    closeSync(file);
  }
  return buffer.toString('utf8').trimEnd();
}

/** Its size in bytes; 0 when there is none. */
export function sizeOfLog(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 0;
    throw cause;
  }
}
