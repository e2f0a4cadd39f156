/** Tells whether a process id still names the process it named when it was written down. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';

/** When a process was started, in words only good for comparing; undefined when there is no such process. */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** Clock ticks from boot to the process's start (field 22 of `stat`), and which boot. A zombie has ended. */
function linuxIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, field 2, may hold spaces and brackets itself.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[18]}`;
  } catch (cause) {
    if (['ENOENT', 'ESRCH'].includes(systemCode(cause))) return undefined;
    throw cause;
  }
}

function psIdentity(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined; // ps exits 1 for a process that is not there
  }
}
