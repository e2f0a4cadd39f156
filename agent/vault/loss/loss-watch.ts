/**
 * Whether a snapshot would lose most of what there was, as a pure function from snapshot to snapshot:
 *
 *   sound ──fewer than half of the best of the last day or two──▶ lossy ──that much is there again, or it was meant──▶ sound
 *
 * It is compared with the best of what was, not with the one before: what goes in several steps is found, too. While it is lossy
 * the best is not forgotten, however long that takes.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import type { Content } from './content.ts';

/** What each snapshot remembers of those before it. */
export type LossWatch = {
  /** The last snapshot that had nearly everything that the best had. */
  readonly full: ObjectName;
  /** The best since a time in milliseconds, for a day; and the best of the day before that. */
  readonly best: Content;
  readonly since: number;
  readonly before: Content | null;
  /** Set on a lossy one: the last sound snapshot, and what this one has of the best. */
  readonly loss: { readonly last: ObjectName; readonly had: Content; readonly has: Content } | null;
};

/** A snapshot that is taken. */
export type Counted = { readonly name: ObjectName; readonly takenAtMillis: number; readonly content: Content };

const DAY = 24 * 3_600_000;
/** Fewer files than this are no loss: a new tenant has not many. */
const FEWEST_FILES = 10;

/** A watch that begins with a snapshot: the first, or one with which a person is content. */
export function beginWatch({ name, takenAtMillis, content }: Counted): LossWatch {
  return { full: name, best: content, since: takenAtMillis, before: null, loss: null };
}

/** What the next snapshot remembers. `last` is the one before it. */
export function nextWatch(watch: LossWatch, last: ObjectName, next: Counted): LossWatch {
  const { name, takenAtMillis, content } = next;
  const best = watch.before === null ? watch.best : bestOf(watch.best, watch.before);
  if (isLoss(best, content)) return { ...watch, loss: { last: watch.loss?.last ?? last, had: best, has: content } };
  const full = hasNearlyAll(best, content) ? name : watch.full;
  const isOver = takenAtMillis - watch.since > DAY;
  // A clock that was put back begins a day anew, and forgets nothing.
  const since = Math.min(watch.since, takenAtMillis);
  const days = isOver
    ? { best: content, since: takenAtMillis, before: watch.best }
    : { best: bestOf(watch.best, content), since, before: watch.before };
  return { full, ...days, loss: null };
}

/** Whether most of what there was is gone: OpenClaw's database, more than half of all databases, or more than half of the files. */
export function isLoss(had: Content, has: Content): boolean {
  if (had.openclaw && !has.openclaw) return true;
  if (has.databases * 2 < had.databases) return true;
  return had.files - has.files >= FEWEST_FILES && has.files * 2 < had.files;
}

/** What is lost, in words. */
export function lossInWords({ had, has }: Pick<NonNullable<LossWatch['loss']>, 'had' | 'has'>): string {
  const lost = [
    had.openclaw && !has.openclaw ? "OpenClaw's database" : '',
    had.databases > has.databases ? `${had.databases - has.databases} of ${had.databases} databases` : '',
    had.files > has.files ? `${had.files - has.files} of ${had.files} files` : '',
  ].filter((part) => part !== '');
  return lost.join(', ');
}

function hasNearlyAll(best: Content, content: Content): boolean {
  const isThere = content.openclaw || !best.openclaw;
  return isThere && content.databases >= best.databases && content.files * 8 >= best.files * 7;
}

function bestOf(one: Content, other: Content): Content {
  return {
    files: Math.max(one.files, other.files),
    databases: Math.max(one.databases, other.databases),
    openclaw: one.openclaw || other.openclaw,
  };
}
