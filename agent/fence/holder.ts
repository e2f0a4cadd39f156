/**
 * The id of a disk: whoever starts on the same one goes on with its lease, everybody else waits.
 *
 * A copy of the folder is another disk. So the id is made of what the file says and of which file it is: a copy has
 * another inode or another time of birth. Only a copy of a whole block device is not told apart.
 */
import { rm, stat } from 'node:fs/promises';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { digestOf, hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type HolderId, holderIdOf } from './lease-record.ts';

const pattern = /^[0-9a-f-]{36}\n$/;

/** Reads the id of the disk that the file at `path` is on; made, with a random UUID of `newId`, the first time. */
export async function readHolder(path: string, newId: () => string): Promise<HolderId> {
  const known = await readFileIfExists(path);
  if (known === undefined) await writeFileAtomically(path, `${newId()}\n`, 0o600);
  const text = known ?? (await readFileIfExists(path)) ?? '';
  if (!pattern.test(text)) throw damaged(path);
  const { ino, birthtimeNs } = await stat(path, { bigint: true });
  return holderIdOf(hexOf(digestOf(`${text}${ino} ${birthtimeNs}`)).slice(0, 32));
}

/** Makes this disk another one, from the next reading on. */
export async function forgetHolder(path: string): Promise<void> {
  await rm(path, { force: true });
}

function damaged(path: string): OpenCraneError {
  return new OpenCraneError('data_loss', 'disk_id_damaged', `${path} does not read as the id of a disk`, {
    field: path,
    mend: 'remove the file: the agent then waits for the lease like any other disk',
  });
}
