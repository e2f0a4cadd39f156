/** What is mounted below a folder, by the kernel's own table: looking at a mount whose server hangs may never return. */
import { readFileSync, realpathSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** Something that is mounted: its path relative to the folder, in the bytes of its name, and the type of its file system. */
export type Mount = { readonly path: Buffer; readonly type: string };

/** What is mounted below a folder now, in the order in which it was. Nothing where the system has no such table (macOS). */
export function mountsBelow(folder: string): Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo'), realpathSync(folder));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(cause))) return []; // no table, or no such folder, which whoever uses it says
    throw cause;
  }
}

/** Reads a table (proc_pid_mountinfo(5)). What is mounted at the folder itself is not below it. */
export function parseMounts(table: Buffer, folder: string): Mount[] {
  const below = Buffer.from(folder === '/' ? '/' : `${folder}/`);
  return table
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const [about = '', source = ''] = line.split(' - ', 2);
      const point = unescaped(about.split(' ')[4] ?? '');
      const type = source.split(' ')[0] ?? '';
      const isBelow = point.subarray(0, below.length).equals(below) && type !== '';
      return isBelow ? [{ path: point.subarray(below.length), type }] : [];
    });
}

/** Blanks, line breaks and backslashes are written as a backslash and three octal digits. */
function unescaped(latin1: string): Buffer {
  const bytes = latin1.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1');
}
