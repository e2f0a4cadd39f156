/** What the errors of the operating system and of SQLite that no program is to blame for mean: a full disk, a limit that is reached. */
import { constants } from 'node:os';

/** In the terms of `OpenCraneError`. */
export type SystemMeaning = {
  readonly code: 'resource_exhausted' | 'permission_denied';
  readonly reason: 'disk_full' | 'too_many_files' | 'disk_read_only';
  /** What is the matter, after what was being done. */
  readonly what: string;
  readonly mend: string;
};

const full: SystemMeaning = {
  code: 'resource_exhausted',
  reason: 'disk_full',
  what: 'the disk is full',
  mend: 'free some space on it; what was held up goes on by itself',
};
const quota: SystemMeaning = { ...full, what: 'the disk quota is used up' };
const readOnly: SystemMeaning = {
  code: 'permission_denied',
  reason: 'disk_read_only',
  what: 'the file system is read-only',
  mend: 'find out why it was mounted, or has become, read-only, and mount it for writing',
};
const tooManyFiles: SystemMeaning = {
  code: 'resource_exhausted',
  reason: 'too_many_files',
  what: 'too many files are open',
  mend: 'raise the limit on open files (ulimit -n; for the whole machine fs.file-max)',
};

const meanings: Readonly<Record<string, SystemMeaning>> = {
  ENOSPC: full,
  SQLITE_FULL: full,
  SQLITE_IOERR_SHMSIZE: full, // the index of the write-ahead log could not grow
  EDQUOT: quota,
  EROFS: readOnly,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
};

/** The codes of node:sqlite, which has numbers only (https://www.sqlite.org/rescode.html). */
const sqliteNumbers: Readonly<Record<number, string>> = { 13: 'SQLITE_FULL', 4874: 'SQLITE_IOERR_SHMSIZE' };

/** The name of a system error such as `ENOENT`, or of one of SQLite; empty for anything else. */
export function systemErrorName(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  if ('errcode' in thrown) return sqliteNumbers[Number(thrown.errcode)] ?? '';
  // Node has no code for some, ESTALE and EDQUOT among them, but their number.
  const number = 'errno' in thrown ? -Number(thrown.errno) : 0;
  const [name] = Object.entries(constants.errno).find(([, errno]) => errno === number) ?? [];
  return name ?? ('code' in thrown && typeof thrown.code === 'string' ? thrown.code : '');
}

/** What an error of the system means; undefined for one that says nothing about the machine. */
export function systemMeaning(thrown: unknown): SystemMeaning | undefined {
  return meanings[systemErrorName(thrown)];
}

const reasons = new Set<unknown>(Object.values(meanings).map(({ reason }) => reason));

/**
 * Whether something failed because of what the machine lacks, at whatever depth: then it says nothing about what was tried, and
 * the same may succeed once there is room again. Programs that are not ours give such errors on as text.
 */
export function isLackOfTheMachine(thrown: unknown): boolean {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    if (systemMeaning(cause) !== undefined || ('reason' in cause && reasons.has(cause.reason))) return true;
    if (speaksOfLack(cause.message)) return true;
  }
  return false;
}

/** Whether the words of another program say so. */
export function speaksOfLack(words: string): boolean {
  return /\b(ENOSPC|EDQUOT|EMFILE|ENFILE)\b|database or disk is full/.test(words);
}
