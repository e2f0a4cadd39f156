/** The part of the health tree that tells how safe the tenant's data is. */
import { shortText } from '@opencrane/kit/short-text.ts';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** What was seen of the vault. */
export type VaultSeen =
  /** Another disk holds the lease, or the bucket does not answer. */
  | { readonly state: 'waiting'; readonly why: string }
  | { readonly state: 'restoring' }
  | {
      readonly state: 'kept';
      /** What a machine that dies now loses. */
      readonly unsavedMillis: number;
      /** Since when a snapshot might have been taken, of that time: none is while OpenClaw starts. */
      readonly overdueMillis: number;
      /** Why the last snapshot failed; empty when it did not. */
      readonly trouble: string;
      /** Paths that could not be read; of each the newest snapshot has what an earlier one has, or nothing. */
      readonly unread: readonly { readonly path: string; readonly why: string }[];
      /** Files that take long to read: how far that is, and for how long it has gone on. */
      readonly slow: readonly SlowSeen[];
      /** Why pruning fails again and again; empty when it does not. */
      readonly pruneTrouble: string;
      /** Set while most of what there was is gone from the newest snapshot. */
      readonly loss?: LossSeen | undefined;
      /** Why some changes are only found by looking from time to time; undefined when all are heard of. */
      readonly unwatched?: string | undefined;
      /** What is not as it was since the state was brought back to this disk, in words. */
      readonly notes?: readonly string[];
      /** Set while the tenant serves on the coordinator's word because its bucket is away (docs/fence.md). */
      readonly outage?: OutageSeen | undefined;
    };

/** A loss, and the way back from it. */
export type LossSeen = {
  readonly tenant: string;
  /** What is gone, in words. */
  readonly lost: string;
  /** Number of the last snapshot before it; and of the last one that had nearly everything, which may be an earlier one. */
  readonly last: number;
  readonly full: number;
};

/** A file that takes long to read; until it is whole the newest snapshot has what an earlier one has of it, or nothing. */
type SlowSeen = {
  readonly path: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly forMillis: number;
};

/** An outage of the bucket. All in milliseconds; the moments since the epoch. */
export type OutageSeen = {
  readonly sinceAt: number;
  /** When OpenClaw is ended if it lasts. */
  readonly untilAt: number;
  /** Undefined before the first. */
  readonly newestAgeMillis: number | undefined;
};

/** The most that a machine's death is to cost (DESIGN §5); from here on it is told. */
const GOAL_MILLIS = 5_000;
/** From here on it is a complaint: a single slow snapshot is none. */
const LATE_MILLIS = 2 * GOAL_MILLIS;

/** Paths that are named, and the characters of each and of its reason: a status is read in one look. */
const [NAMED, PATH_LENGTH, WHY_LENGTH] = [3, 80, 120];

/** State and message of the vault's component. */
export function vaultStanding(seen: VaultSeen): { readonly state: ComponentState; readonly message: string } {
  if (seen.state === 'waiting') return { state: ComponentState.STARTING, message: seen.why };
  if (seen.state === 'restoring') return { state: ComponentState.STARTING, message: 'bringing the state back' };
  const {
    unsavedMillis,
    overdueMillis,
    trouble,
    unread,
    slow,
    pruneTrouble,
    unwatched,
    outage,
    loss,
    notes = [],
  } = seen;
  const late = unsavedMillis >= GOAL_MILLIS ? `${spoken(unsavedMillis)} of changes are not in the bucket yet` : '';
  const isOutside = ({ path }: { readonly path: string }) => path.startsWith('/');
  const [outside, within] = [unread.filter(isOutside), unread.filter((one) => !isOutside(one))];
  const missing = within.length === 0 ? '' : `not stored, because it cannot be read: ${named(within)}`;
  const unprotected = outside.length === 0 ? '' : `not protected: ${named(outside)}`;
  const reading = slow.filter(({ forMillis }) => forMillis >= GOAL_MILLIS);
  const waiting = reading.length === 0 ? '' : `takes long to store: ${named(reading.map(howFar))}`;
  const growing = pruneTrouble && `old snapshots are not removed: ${pruneTrouble}`;
  const looking = unwatched === undefined ? '' : `changes are found by looking every few seconds: ${unwatched}`;
  const away = outage === undefined ? '' : awayMessage(outage);
  const behind = late && trouble && !away ? `${late}: ${trouble}` : late;
  const gone = loss === undefined ? '' : lossMessage(loss);
  const message = [gone, away, behind, missing, unprotected, waiting, growing, looking, ...notes]
    .filter((part) => part !== '')
    .join('; ');
  const isBad =
    overdueMillis >= LATE_MILLIS ||
    unread.length > 0 ||
    slow.some(({ forMillis }) => forMillis >= LATE_MILLIS) ||
    pruneTrouble !== '' ||
    outage !== undefined ||
    loss !== undefined;
  return { state: isBad ? ComponentState.DEGRADED : ComponentState.HEALTHY, message };
}

/** The first few. Names are the tenant's own, up to thousands of characters long, and may hold anything. */
function named(paths: readonly { readonly path: string; readonly why: string }[]): string {
  const few = paths
    .slice(0, NAMED)
    .map(({ path, why }) => `${shortText(path, PATH_LENGTH)} (${shortText(why, WHY_LENGTH)})`);
  return few.join(', ') + (paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '');
}

function lossMessage({ tenant, lost, last, full }: LossSeen): string {
  const more = full === last ? '' : ` (snapshot ${last} is later, and has less)`;
  const back = `opencrane vault restore --tenant ${tenant} --snapshot ${full}`;
  const meant = `opencrane vault snapshot --tenant ${tenant} --accept-loss`;
  return `most of the state is gone since snapshot ${last}: ${lost}; to go back: ${back}${more}; if it was meant: ${meant}`;
}

function howFar({ path, doneBytes, totalBytes, forMillis }: SlowSeen): { readonly path: string; readonly why: string } {
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(2);
  return { path, why: `${gib(doneBytes)} of ${gib(totalBytes)} GiB read, for ${spoken(forMillis)}` };
}

function awayMessage({ sinceAt, untilAt, newestAgeMillis }: OutageSeen): string {
  const newest =
    newestAgeMillis === undefined
      ? 'there is no snapshot yet'
      : `the newest snapshot is ${spoken(newestAgeMillis)} old`;
  const until = `the tenant serves on the coordinator's word, until ${timeOfDay(untilAt)} at the latest`;
  return `the bucket has not answered since ${timeOfDay(sinceAt)}: ${until}; ${newest}`;
}

function timeOfDay(at: number): string {
  return `${new Date(at).toISOString().slice(11, 16)} UTC`;
}

/** In steps, so that the tree does not change with every second. */
function spoken(millis: number): string {
  const seconds = Math.floor(millis / 5_000) * 5;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
