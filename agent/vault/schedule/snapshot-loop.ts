/**
 * Keeps the newest snapshot at most seconds behind the state: hears of changes, waits as long as cadence.ts says, takes a
 * snapshot, and tells how far behind the bucket is. A bucket that is away costs nothing but that: changes stay on the disk,
 * and the next snapshot that gets through has them all.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { type OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { StateArbiter, Turn } from '../../arbiter/state-arbiter.ts';
import type { SlowFile } from '../snapshot/reading-progress.ts';
import type { SnapshotRequest, SnapshotResult } from '../snapshot/snapshotter.ts';
import type { TouchedPage } from '../snapshot/touched-pages.ts';
import type { Unread } from '../snapshot/unread.ts';
import {
  type Cadence,
  clean,
  dueAt,
  onBegun,
  onChange,
  onFailed,
  onPostponed,
  onStored,
  unsavedMillis,
} from './cadence.ts';
import { ChangeWatch } from './change-watch.ts';
import { HeardFolders, type Where } from './heard-folders.ts';
import { impatient, isBeat, onKept, type Patience, waitUntil } from './heartbeat.ts';

/** What the loop needs. */
export type SnapshotLoopPorts = {
  /** Takes a snapshot; undefined when nothing changed, or it was postponed. */
  readonly take: (request: SnapshotRequest, signal: AbortSignal) => Promise<SnapshotResult | undefined>;
  /** What the last snapshot could not read, whether or not there was anything to store. */
  readonly unread: () => readonly Unread[];
  /** Files that take long to read, and whether the newest content of any is not in the newest snapshot. */
  readonly slow: () => readonly SlowFile[];
  readonly isBehind: () => boolean;
  /** The folder that is kept. */
  readonly root: string;
  /** Of the OpenClaw that serves; null before the first. */
  readonly openclawVersion: () => string | null;
  /** Gives turns on the state: none while OpenClaw starts, or the state is exchanged. */
  readonly arbiter: Pick<StateArbiter, 'may' | 'take' | 'tryTake' | 'listen' | 'assertCertain'>;
  /** Told after each try, and while one takes long. */
  readonly onStanding: () => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
};

/** How far behind the bucket is. */
export type Standing = {
  /** What a machine that dies now loses, in milliseconds. */
  readonly unsavedMillis: number;
  /** Of that, since snapshots may be taken. */
  readonly overdueMillis: number;
  /** Why the last try failed; undefined when it did not. */
  readonly trouble: OpenCraneError | undefined;
  /** What the last snapshot could not read. */
  readonly unread: readonly Unread[];
  /** Files that take long to read, how far that is and for how long it has gone on. */
  readonly slow: readonly (Pick<SlowFile, 'path' | 'doneBytes' | 'totalBytes'> & { readonly forMillis: number })[];
  /** Why the kernel does not tell of every change, so that some are found by looking; undefined when it does. */
  readonly unwatched: string | undefined;
};

/** How often the standing is told while it gets worse, and everything is looked at whether or not a change was heard. */
const LOOK_MILLIS = 5_000;
/** What no watch tells of is found after this long. */
const FULL_LOOK_MILLIS = 60_000;
/** Whoever asked for a snapshot is told no after this long: an OpenClaw that takes five minutes to start is not starting. */
const PATIENCE_MILLIS = 5 * 60_000;

/** The loop. Runs from `start` to `stop`. */
export class SnapshotLoop implements Part {
  readonly name = 'snapshots';
  readonly #ports: SnapshotLoopPorts;
  readonly #stop = new AbortController();
  readonly #watch: ChangeWatch;
  readonly #heard = new HeardFolders();
  #cadence: Cadence = clean;
  #patience: Patience = impatient;
  #trouble: OpenCraneError | undefined;
  #lookedAt = 0;
  /** Snapshots that were begun and have not ended, whoever asked for them. */
  #underWay = 0;
  #mayTake = false;
  #mayTakeSince = 0;
  #woken = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #unlisten = () => {};

  constructor(ports: SnapshotLoopPorts) {
    this.#ports = ports;
    this.#watch = new ChangeWatch(ports.root, {
      onEvent: () => this.#heard.event(),
      onChange: (folder) => this.#changed(folder),
    });
  }

  start(): void {
    this.#changed(undefined); // whatever happened while no agent looked
    this.#unlisten = this.#ports.arbiter.listen(() => this.#reconsider());
    this.#reconsider();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort('the agent stops');
    this.#unlisten();
    this.#watch.close();
    this.#woken.resolve();
    await this.#running;
  }

  get standing(): Standing {
    const now = this.#ports.clock.monotonic();
    const unsaved = unsavedMillis(this.#cadence, now);
    const overdueMillis = this.#mayTake ? Math.min(unsaved, now - this.#mayTakeSince) : 0;
    return {
      unsavedMillis: unsaved,
      overdueMillis,
      trouble: this.#trouble,
      unread: this.#ports.unread(),
      slow: this.#ports.slow().map(({ sinceMillis, ...file }) => ({ ...file, forMillis: now - sinceMillis })),
      unwatched: this.#watch.unwatched,
    };
  }

  /**
   * Takes a snapshot as soon as it may be taken, whether or not one is due; undefined when nothing had changed since the newest.
   * One that is interrupted, because OpenClaw starts, is taken again after that.
   */
  async takeNow(
    reason: SnapshotRequest['reason'],
    signal: AbortSignal,
    onWait?: (what: string) => void,
  ): Promise<SnapshotResult | undefined> {
    const { arbiter } = this.#ports;
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const request = { signal: stop, patienceMillis: PATIENCE_MILLIS, ...(onWait && { onWait }) };
    for (;;) {
      const turn = await arbiter.take('snapshot', request);
      try {
        return await this.#take(reason, AbortSignal.any([stop, turn.interrupted]));
      } catch (cause) {
        if (stop.aborted || !turn.interrupted.aborted) throw cause;
      } finally {
        turn.end();
      }
    }
  }

  /** Takes a snapshot at once, for who has the state alone: OpenClaw is down, and only the caller may start it. */
  async takeAlone(reason: SnapshotRequest['reason'], signal: AbortSignal): Promise<SnapshotResult | undefined> {
    this.#ports.arbiter.assertCertain();
    return this.#take(reason, AbortSignal.any([signal, this.#stop.signal]));
  }

  #reconsider(): void {
    const may = this.#ports.arbiter.may('snapshot');
    if (may === this.#mayTake) return;
    if (may) this.#mayTakeSince = this.#ports.clock.monotonic();
    this.#mayTake = may;
    this.#woken.resolve();
  }

  /** Undefined: a change may be anywhere. */
  #changed(folder: string | undefined): void {
    this.#heard.add(folder);
    const wasClean = this.#cadence.dirtySince === undefined;
    this.#cadence = onChange(this.#cadence, this.#ports.clock.monotonic());
    if (wasClean) this.#woken.resolve();
  }

  async #run(): Promise<void> {
    const { clock, random, arbiter } = this.#ports;
    while (!this.#stop.signal.aborted) {
      const due = dueAt(this.#cadence, random());
      const wait = due === undefined ? LOOK_MILLIS : Math.min(due - clock.monotonic(), LOOK_MILLIS);
      if (due === undefined || wait > 0) await this.#pause(wait);
      else {
        const turn = arbiter.tryTake('snapshot');
        await (turn === undefined ? this.#pause(LOOK_MILLIS) : this.#takeDue(turn));
      }
    }
  }

  /** Takes one, unless it is broken off. A failure is remembered, and rests. */
  async #takeDue(turn: Turn): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, turn.interrupted]);
    try {
      await this.#take('change', signal);
    } catch (cause) {
      if (!signal.aborted) this.#ports.log.warn({ err: cause }, 'a snapshot failed; it is tried again');
    } finally {
      turn.end();
    }
  }

  async #take(reason: SnapshotRequest['reason'], signal: AbortSignal): Promise<SnapshotResult | undefined> {
    const { take, openclawVersion, clock, onStanding } = this.#ports;
    const heard = this.#heard.take();
    const within = this.#look(reason, heard); // before it is read, so that nothing that comes after is missed
    this.#cadence = onBegun(this.#cadence, clock.monotonic());
    this.#underWay += 1;
    const found = { beatsOnly: false, waitsUntil: undefined as number | undefined }; // wider than undefined
    const postpone = (touched: readonly TouchedPage[] | undefined) => {
      found.beatsOnly = isBeat(touched);
      const until = waitUntil(this.#patience, touched);
      found.waitsUntil = until !== undefined && clock.monotonic() < until ? until : undefined;
      return found.waitsUntil !== undefined;
    };
    const how = { ...(within && { within }), ...(reason === 'change' && { postpone }) };
    try {
      const taken = await take({ reason, openclawVersion: openclawVersion(), ...how }, signal);
      const { beatsOnly, waitsUntil } = found;
      this.#cadence = waitsUntil === undefined ? onStored(this.#cadence) : onPostponed(this.#cadence, waitsUntil);
      // The rest of a large file is read next, as if it had just been written.
      if (this.#ports.isBehind()) this.#cadence = onChange(this.#cadence, clock.monotonic());
      if (taken !== undefined) this.#patience = onKept(this.#patience, clock.monotonic(), beatsOnly);
      this.#trouble = undefined;
      return taken;
    } catch (cause) {
      this.#heard.giveBack(heard);
      if (!signal.aborted) {
        this.#cadence = onFailed(this.#cadence, clock.monotonic());
        this.#trouble = toOpenCraneError(cause, 'taking a snapshot');
      }
      throw cause;
    } finally {
      this.#underWay -= 1;
      onStanding();
    }
  }

  /**
   * Brings the watches in step; the folders that a snapshot that begins now has to look into. Undefined: all. Where another is
   * under way it is not known yet whether what that one looks at will be stored.
   */
  #look(reason: SnapshotRequest['reason'], heard: Where): Where {
    const hasHeardAll =
      this.#watch.isComplete && this.#ports.unread().every(({ path }) => path.startsWith('/')) && this.#underWay === 0;
    const where = reason === 'change' && hasHeardAll ? heard : undefined;
    const unheard = this.#watch.look(where);
    if (where !== undefined && this.#watch.isComplete) return new Set([...where, ...unheard]);
    this.#lookedAt = this.#ports.clock.monotonic();
    return undefined;
  }

  /** Until something changes, or a while has passed. */
  async #pause(millis: number): Promise<void> {
    const { clock, onStanding } = this.#ports;
    const isClean = this.#cadence.dirtySince === undefined;
    this.#woken = Promise.withResolvers();
    const over = new AbortController();
    const slept = clock.sleep(millis, over.signal).catch(() => {});
    await Promise.race([slept, this.#woken.promise]);
    over.abort();
    const unseen = clock.monotonic() - this.#lookedAt;
    if (unseen >= (this.#watch.isComplete ? FULL_LOOK_MILLIS : LOOK_MILLIS)) this.#changed(undefined);
    if (!isClean) onStanding();
  }
}
