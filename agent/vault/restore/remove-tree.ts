/** Removes a folder with everything in it, whatever the modes in it are. */
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { systemCode } from '@opencrane/kit/errors.ts';

/** Removes it; one that is not there is removed already. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (cause) {
    if (!['EACCES', 'EPERM'].includes(systemCode(cause))) throw cause;
    // Nobody may remove what is in a folder that is read-only, not even its owner.
    await openUp(Buffer.from(path));
    await rm(path, { recursive: true, force: true });
  }
}

async function openUp(path: Buffer): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: 'buffer' }))
    await openUp(Buffer.concat([path, Buffer.from('/'), name]));
}
