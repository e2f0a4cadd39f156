/** Removes a folder with everything in it, whatever the modes in it are and however deep it is. */
import { chmod, lstat, readdir, rename, rm } from 'node:fs/promises';
import { systemCode } from '@opencrane/kit/errors.ts';

/** A folder with a longer path is moved to the top first: what is in it would soon have a longer path than the kernel takes. */
const DEEP_BYTES = 2048;

/** Removes it; one that is not there is removed already. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (cause) {
    if (!['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(systemCode(cause))) throw cause;
    // Nobody may remove what is in a folder that is read-only, not even its owner.
    await openUp(Buffer.from(path));
    await rm(path, { recursive: true, force: true });
  }
}

async function openUp(top: Buffer): Promise<void> {
  const waiting = [top];
  let lifted = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    try {
      if (!(await lstat(folder)).isDirectory()) continue;
      await chmod(folder, 0o700);
      if (folder.length > DEEP_BYTES) [folder, lifted] = await lift(folder, top, lifted);
      for (const name of await readdir(folder, { encoding: 'buffer' }))
        waiting.push(Buffer.concat([folder, Buffer.from('/'), name]));
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') throw cause; // Node's rm removes in parallel, and goes on after its first error
    }
  }
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
