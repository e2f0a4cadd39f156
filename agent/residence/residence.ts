/**
 * The tenant's residence: live on this disk, durable in its bucket, in one place at a time.
 *
 *   lease ──held──▶ vault open ──▶ state decided (lineage.ts) ──▶ restored ──▶ at home ──OpenClaw gone──▶ handed over
 *
 * At home, every change is in the bucket seconds later. Whatever fails on the way in is tried again: a bucket that is away
 * makes a tenant wait, never start on a state of which it is not known whether it is the newest.
 */
import { existsSync } from 'node:fs';
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { inOneLine, isAbort, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { StateArbiter } from '../arbiter/state-arbiter.ts';
import { leftBesideState } from '../beside-state.ts';
import type { Bucket, ObjectName } from '../bucket/bucket.ts';
import type { Fence } from '../fence/fence.ts';
import type { Epoch } from '../fence/lease-record.ts';
import type { VaultSeen } from '../health/vault-component.ts';
import type { Reporter } from '../supervise/progress.ts';
import { withGoodSnapshot } from '../vault/history/good-snapshot.ts';
import type { Random } from '../vault/keys/random.ts';
import { readTenantKey } from '../vault/keys/tenant-key.ts';
import { Pruner } from '../vault/prune/prune.ts';
import { SnapshotLoop } from '../vault/schedule/snapshot-loop.ts';
import type { DatabaseCapture } from '../vault/snapshot/database-source.ts';
import { type SnapshotRequest, type SnapshotResult, Snapshotter } from '../vault/snapshot/snapshotter.ts';
import { createVault, type Vault } from '../vault/vault.ts';
import type { AgentRecords } from './agent-records.ts';
import { bringState } from './bring-state.ts';
import { lossSeen } from './loss-seen.ts';
import { outageSeen } from './outage-seen.ts';

/** What living somewhere takes. */
export type ResidencePorts = {
  readonly tenant: string;
  readonly bucket: Bucket;
  readonly keyFile: string;
  readonly fence: Pick<
    Fence,
    'whenHeld' | 'whyNotYet' | 'onChange' | 'assertHeld' | 'doubtBucket' | 'outage' | 'release'
  >;
  readonly capture: DatabaseCapture;
  /** The state folder; files beside it in the agent's own folder. */
  readonly folders: { readonly state: string; readonly lineage: string; readonly seenLog: string };
  /** What the agent remembers of the tenant besides its state. */
  readonly records: Pick<AgentRecords, 'forget' | 'takeOver'>;
  /** Takes the lock that OpenClaw's process holds while it lives; throws when one lives. */
  readonly lockOpenClawOut: () => { readonly release: () => void };
  readonly openclawVersion: () => string | null;
  /** Gives turns on the state and on the vault. */
  readonly arbiter: StateArbiter;
  /** Why pruning fails again and again; empty when it does not. */
  readonly pruneTrouble: () => string;
  /** Told when what `seen` says may have changed. */
  readonly onChange: () => void;
  /** Finished when the tenant is at home. */
  readonly report: Reporter;
  /** Awaited at steps, as `boot:STEP`, `restore:STEP`, `snapshot:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly randomBytes: Random;
  readonly log: Logger;
};

/** Everything that is there once the tenant is at home. */
type Home = {
  readonly vault: Vault;
  readonly pruner: Pruner;
  readonly snapshotter: Snapshotter;
  readonly snapshots: SnapshotLoop;
  /** What is not as it was since the state was brought back, in words. */
  readonly notes: readonly string[];
};

const RETRY = { firstMillis: 500, maxMillis: 10_000 };

/** The residence of one tenant. */
export class Residence implements Part {
  readonly name = 'residence';
  readonly #ports: ResidencePorts;
  readonly #stop = new AbortController();
  readonly #movedIn = Promise.withResolvers<Home>();
  #seen: VaultSeen = { state: 'waiting', why: 'waiting for the bucket' };
  #home: Home | undefined;
  #moving: Promise<void> | undefined;

  constructor(ports: ResidencePorts) {
    this.#ports = ports;
    this.#movedIn.promise.catch(() => {}); // whoever waits hears of it
  }

  start(): void {
    this.#moving = this.#moveIn();
  }

  /** Hands the tenant over when its OpenClaw is gone; when it serves on, the next agent of this disk goes on. */
  async stop(hurry: AbortSignal): Promise<void> {
    if (this.#home !== undefined) await this.#handOver(this.#home, hurry);
    this.#stop.abort('the agent stops');
    await this.#moving;
    await this.#home?.snapshots.stop();
  }

  /** Resolves when the state on this disk is the tenant's newest. Only then may OpenClaw run. Rejects when the agent stops. */
  atHome(): Promise<Pick<Home, 'vault' | 'pruner'>> {
    return this.#movedIn.promise;
  }

  get seen(): VaultSeen {
    if (this.#home === undefined) return this.#seen;
    const { fence, pruneTrouble, clock } = this.#ports;
    const { snapshots, snapshotter, notes } = this.#home;
    const { trouble, ...standing } = snapshots.standing;
    return {
      state: 'kept',
      ...standing,
      trouble: trouble?.message ?? '',
      pruneTrouble: pruneTrouble(),
      loss: lossSeen(snapshotter.newest?.watch, this.#ports.tenant),
      notes,
      outage: outageSeen(fence.outage, snapshotter.newest?.takenAtMillis, clock.now()),
    };
  }

  /**
   * Takes a snapshot when it may be taken (`takeNow` in schedule/snapshot-loop.ts); undefined when nothing had changed since the
   * newest. Waits until the tenant is at home.
   */
  async snapshot(
    reason: SnapshotRequest['reason'],
    signal: AbortSignal,
    onWait?: (what: string) => void,
  ): Promise<SnapshotResult | undefined> {
    const { snapshots } = await this.#movedIn.promise;
    return snapshots.takeNow(reason, signal, onWait);
  }

  /** The same at once, for who has stopped OpenClaw and alone may start it. */
  async snapshotAlone(reason: SnapshotRequest['reason'], signal: AbortSignal): Promise<SnapshotResult | undefined> {
    const { snapshots } = await this.#movedIn.promise;
    return snapshots.takeAlone(reason, signal);
  }

  /** Throws `state_missing` when the tenant has snapshots and no state folder: an empty one must not be made in its place. */
  assertStateThere(): void {
    const { state } = this.#ports.folders;
    if (this.newestSnapshot === undefined || existsSync(state)) return;
    throw new OpenCraneError('failed_precondition', 'state_missing', `the state folder ${state} is not there`, {
      field: state,
      mend: 'bring the newest snapshot back with "opencrane vault restore"',
    });
  }

  /** Name of the newest snapshot's manifest; undefined before the first, and before the tenant is at home. */
  get newestSnapshot(): ObjectName | undefined {
    return this.#home?.snapshotter.newestName;
  }

  async #moveIn(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        this.#home = await this.#settle(signal);
        const left = await leftBesideState(this.#ports.folders.state); // before any exchange of ours
        this.#movedIn.resolve(this.#home);
        this.#ports.report.finish();
        this.#ports.onChange();
        await this.#sweep(left);
        return;
      } catch (cause) {
        if (signal.aborted) break;
        await this.#wait(cause, failures);
      }
    }
    this.#movedIn.reject(new DOMException('the agent stops', 'AbortError'));
  }

  /** The state is certain, and is there: what exchanges that were cut off have left is not needed any more. */
  async #sweep(left: readonly string[]): Promise<void> {
    for (const path of left) {
      if (this.#stop.signal.aborted) return;
      await removeTree(path).catch((cause: unknown) => this.#ports.log.warn({ err: cause, path }, 'cannot be removed'));
    }
  }

  async #takeLease(signal: AbortSignal): Promise<Epoch> {
    const { fence, report } = this.#ports;
    const off = fence.onChange(() => {
      const why = fence.whyNotYet;
      if (why === '') return;
      report('lease', why);
      this.#tell({ state: 'waiting', why });
    });
    return fence.whenHeld(signal).finally(off);
  }

  async #settle(signal: AbortSignal): Promise<Home> {
    const { bucket, keyFile, records, randomBytes } = this.#ports;
    const epoch = await this.#takeLease(signal);
    this.#tell({ state: 'waiting', why: 'opening the vault' });
    const vault = await createVault(bucket, await readTenantKey(keyFile), randomBytes, signal);
    const pruner = new Pruner(vault, this.#ports.arbiter);
    const bringPorts = { ...this.#ports, forgetOld: () => records.forget() };
    const notes = await pruner.reading(() =>
      bringState(bringPorts, vault, epoch, () => this.#tell({ state: 'restoring' }), signal),
    );
    if (notes.length > 0) this.#ports.log.warn({ notes }, 'the state was brought back, but not all as it was');
    await records.takeOver();
    const snapshotter = await this.#openSnapshots(vault, epoch, signal);
    const snapshots = this.#follow(snapshotter);
    snapshots.start();
    return { vault, pruner, snapshotter, snapshots, notes };
  }

  #openSnapshots(vault: Vault, epoch: number, signal: AbortSignal): Promise<Snapshotter> {
    const { folders, capture, clock, onStep, onChange: onSlow, log } = this.#ports;
    const ports = { vault, root: folders.state, seenLog: folders.seenLog, capture, clock, onStep, onSlow, log };
    return Snapshotter.open(ports, epoch, signal).catch(async (cause: unknown) => {
      throw await withGoodSnapshot(vault, cause, signal);
    });
  }

  #follow(snapshotter: Snapshotter): SnapshotLoop {
    const { folders, clock, fence, openclawVersion, arbiter, onChange, random, log } = this.#ports;
    return new SnapshotLoop({
      take: async (request, stop) => {
        fence.assertHeld();
        this.assertStateThere();
        return snapshotter.snapshot(request, stop).catch((cause: unknown) => {
          if (!stop.aborted) fence.doubtBucket();
          throw cause;
        });
      },
      unread: () => snapshotter.unread,
      slow: () => snapshotter.slow,
      isBehind: () => snapshotter.isBehind,
      root: folders.state,
      openclawVersion,
      arbiter,
      onStanding: onChange,
      clock,
      random,
      log,
    });
  }

  async #handOver({ snapshots }: Home, hurry: AbortSignal): Promise<void> {
    const { fence, log } = this.#ports;
    try {
      if (!(await this.#takeLast(snapshots, hurry))) return;
      await fence.release();
    } catch (cause) {
      // Nothing is lost by it: the disk has the state, and another one waits for the lease to end.
      if (!isAbort(cause)) log.warn({ err: cause }, 'the tenant was not handed over');
    }
  }

  /** Takes the snapshot that has everything; false when OpenClaw serves on. */
  async #takeLast(snapshots: SnapshotLoop, hurry: AbortSignal): Promise<boolean> {
    const lock = openclawLock(this.#ports.lockOpenClawOut);
    if (lock === undefined) return false;
    try {
      await snapshots.takeAlone('drain', hurry);
      return true;
    } finally {
      lock.release();
    }
  }

  async #wait(cause: unknown, failures: number): Promise<void> {
    const { clock, random, report, log } = this.#ports;
    const error = toOpenCraneError(cause, 'moving in');
    log.warn({ err: error }, 'moving in failed; it is tried again');
    const why = inOneLine(error);
    report('restore', why);
    this.#tell({ state: 'waiting', why });
    await clock.sleep(backoffMillis(failures, RETRY, random) + 100, this.#stop.signal).catch(() => {});
  }

  #tell(seen: VaultSeen): void {
    this.#seen = seen;
    this.#ports.onChange();
  }
}

/** Undefined when OpenClaw's process has it. */
function openclawLock<Lock>(take: () => Lock): Lock | undefined {
  try {
    return take();
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.reason === 'lock_held') return undefined;
    throw cause;
  }
}
