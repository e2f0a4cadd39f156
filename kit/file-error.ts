/** Errors of files and folders that somebody named: a home that is a file, a key that may not be read. They are no defect of ours. */
import { type ErrorCode, OpenCraneError, systemCode } from './errors.ts';

type Meaning = { readonly code: ErrorCode; readonly reason: string; readonly what: string; readonly mend: string };

const denied: Meaning = {
  code: 'permission_denied',
  reason: 'file_denied',
  what: 'this user may not do that',
  mend: 'give this user the right to it, or name another path',
};
const noFolder: Meaning = {
  code: 'invalid_argument',
  reason: 'not_a_folder',
  what: 'a folder is needed, and there is a file',
  mend: 'name a folder',
};
const noPath: Meaning = {
  code: 'invalid_argument',
  reason: 'path_unusable',
  what: 'the system does not take this path',
  mend: 'name another path',
};

const meanings: Readonly<Record<string, Meaning>> = {
  EACCES: denied,
  EPERM: denied,
  ENOTDIR: noFolder,
  EEXIST: noFolder, // a folder was to be made where a file is
  EISDIR: { ...noFolder, reason: 'not_a_file', what: 'a file is needed, and there is a folder', mend: 'name a file' },
  ELOOP: noPath,
  ENAMETOOLONG: noPath,
  ENOENT: { ...noPath, code: 'not_found', reason: 'no_such_file', what: 'there is no such file or folder' },
};

/** The error in words with the path as its field; undefined for anything but an error of the system about a path. */
export function fileError(thrown: unknown, doing: string): OpenCraneError | undefined {
  const meaning = meanings[systemCode(thrown)];
  if (meaning === undefined || !(thrown instanceof Error)) return undefined;
  const field = 'path' in thrown && typeof thrown.path === 'string' ? thrown.path : '';
  if (field === '') return undefined;
  const { code, reason, what, mend } = meaning;
  return new OpenCraneError(code, reason, `${doing}: ${field}: ${what}`, { cause: thrown, field, mend });
}
