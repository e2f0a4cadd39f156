/**
 * File systems that are mounted somewhere below a state and are no local disk: GCS Fuse, sshfs, NFS, /proc.
 *
 * They are never touched. A call on one whose server has died fails, and on one whose server hangs it may never return, which
 * would hold up the whole agent, lease and heartbeats included. So they are found in the kernel's table of mounts and not by
 * looking at them. What is in them is not stored, and said to be so (docs/adr/0015-what-a-snapshot-takes.md).
 */
import { readFileSync, realpathSync } from 'node:fs';
import { textOfBytes } from '../tree/path-text.ts';
import { isGone } from './unread.ts';

/** Paths below a root at which a foreign file system is mounted, and its type. */
export type ForeignMounts = ReadonlyMap<string, string>;

/** Types that keep their content on this machine. Any other may belong to a server, and is taken for foreign. */
const local: ReadonlySet<string> = new Set([
  ...[
    'bcachefs',
    'btrfs',
    'erofs',
    'exfat',
    'ext2',
    'ext3',
    'ext4',
    'f2fs',
    'iso9660',
    'jfs',
    'nilfs2',
    'ntfs',
    'ntfs3',
  ],
  ...['overlay', 'ramfs', 'reiserfs', 'squashfs', 'tmpfs', 'udf', 'vfat', 'virtiofs', 'xfs', 'zfs'],
]);

/** The foreign mounts below a folder now. None where the system has no such table (macOS). */
export function foreignMounts(root: string): ForeignMounts {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo'), realpathSync(root));
  } catch (cause) {
    if (isGone(cause)) return new Map(); // no table, or no such folder, which whoever reads it says
    throw cause;
  }
}

/** The foreign ones of a table (proc_pid_mountinfo(5)) below a folder; of several at one place the last, which covers the others. */
export function parseMounts(table: Buffer, root: string): Map<string, string> {
  const foreign = new Map<string, string>();
  const below = root === '/' ? '/' : `${root}/`;
  for (const line of table.toString('latin1').split('\n')) {
    const [about = '', source = ''] = line.split(' - ', 2);
    const point = textOfBytes(unescaped(about.split(' ')[4] ?? ''));
    const type = source.split(' ')[0] ?? '';
    if (!point.startsWith(below) || type === '') continue;
    const path = point.slice(below.length);
    if (local.has(type)) foreign.delete(path);
    else foreign.set(path, type);
  }
  return foreign;
}

/** Why what is mounted there is not stored. */
export function whyForeign(type: string): string {
  return `another file system (${type}) is mounted there, and only local disks are stored`;
}

/** Blanks, line breaks and backslashes are written as a backslash and three octal digits. */
function unescaped(latin1: string): Buffer {
  const bytes = latin1.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1');
}
