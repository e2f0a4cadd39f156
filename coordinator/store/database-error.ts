/** What databases complain about, in our words. */
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';

type Meaning = {
  readonly code: string;
  readonly as: 'resource_exhausted' | 'unavailable' | 'data_loss';
  readonly reason: string;
  /** What is the matter, where the database's own words are not enough. */
  readonly what?: string;
  readonly mend: string;
};

const full = {
  as: 'resource_exhausted',
  reason: 'disk_full',
  what: 'the disk is full',
  mend: 'free some space on the disk that the database is on, and try again',
} as const;

/** What a code of SQLite, Postgres or the socket to it means; codes are matched by their beginning, the first that fits. */
const meanings: readonly Meaning[] = [
  { ...full, code: 'SQLITE_FULL' },
  { ...full, code: 'SQLITE_IOERR_SHMSIZE' }, // the index of the write-ahead log could not grow
  { ...full, code: 'ENOSPC' },
  { ...full, code: '53100', mend: 'free some space on the disk of the database server' },
  {
    code: '53',
    as: 'resource_exhausted',
    reason: 'store_exhausted',
    mend: 'give the database server more memory or connections',
  },
  { code: 'SQLITE_IOERR', as: 'unavailable', reason: 'store_failed', mend: 'check the disk that the database is on' },
  { code: '58', as: 'unavailable', reason: 'store_failed', mend: 'see the log of the database server' },
  { code: 'SQLITE_BUSY', as: 'unavailable', reason: 'store_busy', mend: 'find out which other program has it open' },
  {
    code: 'SQLITE_CANTOPEN',
    as: 'unavailable',
    reason: 'store_unreachable',
    mend: 'check the path and who may write there',
  },
  { code: 'SQLITE_READONLY', as: 'unavailable', reason: 'store_unreachable', mend: 'check who may write there' },
  { code: 'SQLITE_CORRUPT', as: 'data_loss', reason: 'store_damaged', mend: 'restore the database from a copy' },
  {
    code: 'SQLITE_NOTADB',
    as: 'data_loss',
    reason: 'store_damaged',
    mend: 'check that the path names an OpenCrane database',
  },
  { code: 'ECONN', as: 'unavailable', reason: 'store_unreachable', mend: 'check that the database server runs' },
  { code: 'ENOTFOUND', as: 'unavailable', reason: 'store_unreachable', mend: 'check the host name of the database' },
  { code: '57P', as: 'unavailable', reason: 'store_unreachable', mend: 'wait until the database server is back' },
  { code: '08', as: 'unavailable', reason: 'store_unreachable', mend: 'check that the database server runs' },
  { code: '28', as: 'unavailable', reason: 'store_refused', mend: 'check the user and password of the database' },
  { code: '3D000', as: 'unavailable', reason: 'store_unreachable', mend: 'create the database first' },
];

/** An error of the database as ours, saying what was being done. Errors that are ours already stay as they are. */
export function explain(thrown: unknown, doing: string): unknown {
  if (thrown instanceof OpenCraneError) return thrown;
  const code = systemCode(thrown);
  const meaning = code === '' ? undefined : meanings.find((candidate) => code.startsWith(candidate.code));
  if (meaning === undefined) return thrown;
  const { as, reason, mend, what } = meaning;
  const words = what === undefined ? messageOf(thrown) : `${what} (${messageOf(thrown)})`;
  return new OpenCraneError(as, reason, `${doing}: ${words}`, { cause: thrown, mend });
}

/** Whether Postgres gave a transaction up for another one, so that trying it again may do. */
export function isWorthRetrying(thrown: unknown): boolean {
  const code = systemCode(thrown);
  return code === '40001' || code === '40P01'; // serialization_failure, deadlock_detected
}
