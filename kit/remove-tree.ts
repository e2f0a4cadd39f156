/** Removes a folder with everything in it, whatever the modes in it are and however deep it is. */
import { chmod, lstat, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, OpenCraneError, systemCode } from './errors.ts';
import { mountsBelow } from './mounts.ts';
import { shortText } from './short-text.ts';

/** A folder with a longer path is moved to the top first: what is in it would soon have a longer path than the kernel takes. */
const DEEP_BYTES = 2048;

/** What a removal says in a folder whose mode forbids it. ENOTDIR: of a file that may not be removed Node tries whether it is a folder. */
const resisting = ['EACCES', 'EPERM', 'ENAMETOOLONG', 'ENOTDIR', 'ENOTEMPTY'];

/**
 * Removes it; one that is not there is removed already. What nobody but root may remove, or another user, is named. What is
 * mounted below it is not in it: then nothing is removed at all.
 */
export async function removeTree(path: string): Promise<void> {
  refuseMounts(path);
  try {
    await rm(path, { recursive: true, force: true });
  } catch (cause) {
    if (!resisting.includes(systemCode(cause))) throw await inWords(path, cause);
    // Nobody may remove what is in a folder that is read-only, not even its owner.
    await openUp(Buffer.from(path));
    await rm(path, { recursive: true, force: true }).catch(async (second: unknown) => {
      throw await inWords(path, second);
    });
  }
}

/** A bucket or a server that somebody mounted in a workspace is theirs, and its content would go with the folder. */
function refuseMounts(path: string): void {
  const [mount] = mountsBelow(path);
  if (mount === undefined) return;
  const at = `${path}/${mount.path.toString('utf8')}`;
  throw new OpenCraneError(
    'failed_precondition',
    'mounted_below',
    `removing ${path}: a file system (${mount.type}) is mounted at ${shortText(at, 300)}, and nothing was removed`,
    { field: at, mend: `unmount it (umount ${shortText(at, 300)}), and try again` },
  );
}

async function openUp(top: Buffer): Promise<void> {
  const waiting = [top];
  let lifted = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    try {
      if (!(await lstat(folder)).isDirectory()) continue;
      await chmod(folder, 0o700).catch(unlessNotOurs);
      if (folder.length > DEEP_BYTES) [folder, lifted] = await lift(folder, top, lifted);
      for (const name of await readdir(folder, { encoding: 'buffer' }))
        waiting.push(Buffer.concat([folder, Buffer.from('/'), name]));
    } catch (cause) {
      // ENOENT: Node's rm removes in parallel, and goes on after its first error.
      if (systemCode(cause) !== 'ENOENT') unlessNotOurs(cause);
    }
  }
}

/** Another user's, or one that is immutable. It may be empty, or be removable all the same; if not, it is named at the end. */
function unlessNotOurs(cause: unknown): void {
  if (!['EPERM', 'EACCES'].includes(systemCode(cause))) throw cause;
}

/** Moves a folder to the top, under a name that nothing else there has. */
async function lift(folder: Buffer, top: Buffer, lifted: number): Promise<[folder: Buffer, lifted: number]> {
  for (let number = lifted + 1; ; number += 1) {
    const place = Buffer.concat([top, Buffer.from(`/.removed-${number}`)]);
    try {
      await rename(folder, place);
      return [place, number];
    } catch (cause) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemCode(cause))) throw cause;
    }
  }
}

/** Names what cannot be removed and why, as far as can be told from outside. */
async function inWords(path: string, cause: unknown): Promise<unknown> {
  const stuck = cause instanceof Error && 'path' in cause && typeof cause.path === 'string' ? cause.path : undefined;
  if (stuck === undefined || !resisting.includes(systemCode(cause))) return cause;
  const short = shortText(stuck, 300);
  const owner = (await ownerOf(dirname(stuck))) ?? (await ownerOf(stuck));
  const details =
    owner === undefined
      ? {
          why: 'it or its folder is immutable or append-only',
          mend: `as root: chattr -R -ia "${shortText(path, 300)}"; then try again`,
        }
      : { why: `it belongs to another user (${owner})`, mend: 'remove it as that user or as root, and try again' };
  const what = `removing ${path}: ${short} cannot be removed: ${details.why} (${messageOf(cause)})`;
  return new OpenCraneError('permission_denied', 'tree_not_removable', what, {
    field: stuck,
    mend: details.mend,
    cause,
  });
}

/** The number of the user who has it; undefined when it is ours, or cannot be looked at. */
async function ownerOf(path: string): Promise<number | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  return stats === undefined || stats.uid === process.getuid?.() ? undefined : stats.uid;
}
