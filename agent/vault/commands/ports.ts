/** What carrying out commands takes. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { ReportProgress } from '../../appliers/applier.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import type { SnapshotReason } from '../format/manifest.ts';
import type { Pruner } from '../prune/prune.ts';
import type { Retention } from '../prune/retention.ts';
import type { SnapshotResult } from '../snapshot/snapshotter.ts';
import type { Unread } from '../snapshot/unread.ts';
import type { Vault } from '../vault.ts';

/** Takes a snapshot now; undefined when nothing has changed since the newest. */
type TakeSnapshot = (reason: SnapshotReason, signal: AbortSignal) => Promise<SnapshotResult | undefined>;

/** The state that OpenClaw runs on. */
export type LiveState = {
  /** Its folder. What lies beside it is on the same file system. */
  readonly folder: string;
  /** Waits while OpenClaw starts, or the state is exchanged. */
  readonly takeSnapshot: TakeSnapshot;
  /** Takes one if nothing is in the way now: it only spares a later one work. */
  storeAhead(signal: AbortSignal): Promise<void>;
  /** What the last look at the state could not read. */
  readonly unread: () => readonly Unread[];
  /**
   * Drains OpenClaw, does `work` while it is stopped, starts it again and waits until it is ready. While `work` goes on, nobody
   * takes a snapshot but `work` itself, with what it is given. When `work` throws, OpenClaw is started all the same, and the
   * error is thrown.
   */
  replaceState(
    work: (takeLast: TakeSnapshot) => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ readonly downtimeMillis: number }>;
  /**
   * Remembers on the disk whether the state is being exchanged (`restoring` in residence/lineage.ts): an agent that starts while
   * it is brings the newest snapshot back in place of whatever is there.
   */
  setInDoubt(isInDoubt: boolean): Promise<void>;
};

/** What carrying out a command takes. */
export type VaultCommandPorts = {
  readonly vault: Vault;
  readonly pruner: Pick<Pruner, 'prune' | 'reading'>;
  /** What is kept when an order does not say. */
  readonly retention: Retention;
  /** Snapshots that are kept at any age. */
  readonly pinned: () => Promise<ReadonlySet<ObjectName>>;
  /** Throws when this process does not hold the tenant's lease. */
  readonly assertHeld: () => void;
  /** Undefined where no state is: then nothing is taken, and nothing restored in its place. */
  readonly live: LiveState | undefined;
  /** Folder that paths to restore into are relative to. */
  readonly folder: string;
  /** Folder that is there, on a disk, for large files of an export. */
  readonly scratchFolder: string;
  /** Takes an archive; resolves when whoever asked for it has it. */
  readonly sendArchive: (pieces: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly report: ReportProgress;
  /** Awaited after each step, as `replace:STEP`, `restore:STEP`, `prune:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly newId: () => string;
  readonly clock: Clock;
};
