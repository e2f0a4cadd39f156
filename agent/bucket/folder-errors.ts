/** What an error of a file system means for a bucket that is a folder. */
import { type ErrorCode, messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { systemErrorName, systemMeaning } from '@opencrane/kit/system-error.ts';

type Meaning = { readonly code: ErrorCode; readonly reason: string; readonly mend: string };

const full: Meaning = {
  code: 'resource_exhausted',
  reason: 'bucket_full',
  mend: 'make room on the disk or volume that holds the folder',
};
const away: Meaning = {
  code: 'unavailable',
  reason: 'bucket_unavailable',
  mend: 'check the disk or the mount; it is tried again',
};
const denied: Meaning = {
  code: 'permission_denied',
  reason: 'bucket_access_denied',
  mend: 'make the folder and all in it writable for the user that the agent runs as',
};
const shape: Meaning = {
  code: 'failed_precondition',
  reason: 'bucket_shape',
  mend: 'move away what is not a plain file or folder there; a name cannot be both an object and the beginning of another',
};

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  ENOENT: away, // something of ours was taken away while we worked
  EIO: away,
  ETIMEDOUT: away,
  ESTALE: away, // gcsfuse: the object was changed from elsewhere
  ENOTCONN: away, // gcsfuse: its process is gone
  EAGAIN: away,
  EBUSY: away,
  EMFILE: away,
  ENFILE: away,
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
  ENOTDIR: shape,
  EISDIR: shape,
  EEXIST: shape,
  ELOOP: shape,
  EXDEV: shape,
};

/** Runs a step on the file system; an error says what was being done. */
export async function onDisk<T>(doing: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw folderError(doing, cause);
  }
}

/** Whether it failed for want of room. */
export function isFull(cause: unknown): boolean {
  return cause instanceof OpenCraneError && cause.reason === full.reason;
}

/** An error of the file system in our words. */
export function folderError(doing: string, cause: unknown): OpenCraneError {
  const meaning = meanings[systemErrorName(cause)];
  if (meaning === undefined || cause instanceof OpenCraneError) return toOpenCraneError(cause, doing);
  const what = systemMeaning(cause)?.what;
  const words = what === undefined ? messageOf(cause) : `${what} (${messageOf(cause)})`;
  return new OpenCraneError(meaning.code, meaning.reason, `${doing}: ${words}`, {
    mend: meaning.mend,
    cause,
  });
}
