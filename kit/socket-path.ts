/** Where a unix socket is bound: beside its owner's files, or under a short alias where that path is too long to bind. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenCraneError } from './errors.ts';

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const LONGEST_PATH_BYTES = 100;

/**
 * The path of the socket `name` of `folder`; the same for whoever asks. Too long a path is replaced by one named after
 * its digest in a folder of this user that nobody else can enter.
 */
export function socketPath(folder: string, name: string, temporary: string = tmpdir()): string {
  const direct = join(folder, name);
  if (Buffer.byteLength(direct) <= LONGEST_PATH_BYTES) return direct;
  const uid = process.getuid?.() ?? 0;
  const alias = join(temporary, `opencrane-${uid}`);
  mkdirSync(alias, { recursive: true, mode: 0o700 });
  const found = lstatSync(alias);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new OpenCraneError('permission_denied', 'socket_folder_unsafe', `${alias} is not a private folder of ours`, {
      field: alias,
      mend: 'remove it, or set TMPDIR to a folder of your own',
    });
  }
  return join(alias, `${createHash('sha256').update(direct).digest('hex').slice(0, 32)}.sock`);
}
