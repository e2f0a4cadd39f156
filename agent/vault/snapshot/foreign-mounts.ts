/**
 * File systems that are mounted somewhere below a state and are no local disk: GCS Fuse, sshfs, NFS, /proc.
 *
 * They are never touched. A call on one whose server has died fails, and on one whose server hangs it may never return, which
 * would hold up the whole agent, lease and heartbeats included. So they are found in the kernel's table of mounts and not by
 * looking at them. What is in them is not stored, and said to be so (docs/adr/0015-what-a-snapshot-takes.md).
 */
import { type Mount, mountsBelow } from '@opencrane/kit/mounts.ts';
import { textOfBytes } from '../tree/path-text.ts';

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
  return foreignOf(mountsBelow(root));
}

/** The foreign ones of mounts; of several at one place the last, which covers the others. */
export function foreignOf(mounts: readonly Mount[]): Map<string, string> {
  const foreign = new Map<string, string>();
  for (const { path, type } of mounts) {
    const text = textOfBytes(path);
    if (local.has(type)) foreign.delete(text);
    else foreign.set(text, type);
  }
  return foreign;
}

/** Why what is mounted there is not stored. */
export function whyForeign(type: string): string {
  return `another file system (${type}) is mounted there, and only local disks are stored`;
}
