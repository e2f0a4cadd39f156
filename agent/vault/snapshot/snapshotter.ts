/**
 * Takes the snapshots of one folder, one at a time.
 *
 *   scan ──▶ capture databases ──▶ read what changed, upload packs meanwhile ──▶ manifest ──▶ head ──▶ remember what was seen
 *
 * Until the head has moved, nothing of a snapshot is seen by anyone. After a failure the tree in memory is as it was; when the
 * head may have moved all the same, it is read again before the next snapshot.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { type LoadedCalls, loadNativeCalls } from '../../posix/native-calls.ts';
import { Compaction, type CompactPorts } from '../compact/compaction.ts';
import type { SnapshotReason, Summary } from '../format/manifest.ts';
import { ContentWriter } from '../packing/content-writer.ts';
import { ChunkList } from '../tree/chunk-list.ts';
import type { TreeChange, TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { Captures } from './captures.ts';
import type { DatabaseCapture } from './database-source.ts';
import { type Gathered, gather } from './gather.ts';
import { type BegunFile, type BegunFiles, heldIn, LargeOrder, slowNotes } from './large-files.ts';
import { PageMemory } from './page-memory.ts';
import { ReadingProgress, type SlowFile } from './reading-progress.ts';
import { applySeen, type Seen } from './seen-files.ts';
import { SeenFollower } from './seen-follower.ts';
import { SeenLog } from './seen-log.ts';
import { Tip } from './tip.ts';
import { type TouchedPage, touchedPages } from './touched-pages.ts';
import type { Unread } from './unread.ts';

/** What taking snapshots takes. */
export type SnapshotPorts = {
  readonly vault: Vault;
  /** The folder, absolute. */
  readonly root: string;
  /** File in which to remember what was seen, outside of `root`. */
  readonly seenLog: string;
  readonly capture: DatabaseCapture;
  readonly clock: Clock;
  /** Awaited after each step, as `snapshot:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  /** Called now and then while a file takes long. */
  readonly onSlow?: () => void;
  /** How long large files are read at a time; by default some seconds. */
  readonly largeMillis?: number;
  readonly loadCalls?: () => Promise<LoadedCalls>;
  readonly log: Pick<Logger, 'warn'>;
};

/** Why a snapshot is taken, and of what. */
export type SnapshotRequest = {
  /** `change` leaves out what only got a new time; the others store it too. */
  readonly reason: SnapshotReason;
  readonly openclawVersion: string | null;
  /**
   * Folders in which something changed since the last call that did not fail, relative to the root; not those above or below.
   * What is in others is taken for what it was, which spares looking: 0.2 s for 50,000 files. Not given: all are looked at.
   */
  readonly within?: Iterable<string>;
  /**
   * Asked when there is something to store: the pages that differ when nothing but a few pages of known databases does, and
   * undefined otherwise. When it says yes nothing is stored, and the next call finds the same and what came after.
   */
  readonly postpone?: (touched: readonly TouchedPage[] | undefined) => boolean;
};

/** A snapshot that was taken. */
export type SnapshotResult = {
  readonly sequence: number;
  readonly manifest: ObjectName;
  /** By this machine's clock. */
  readonly takenAtMillis: number;
  /** Bytes of content that the vault did not have, before packing. */
  readonly changedBytes: number;
  readonly bytesUploaded: number;
  readonly durationMillis: number;
  /** Files that were written to all the while they were read: their content may be of several moments. */
  readonly unsteady: readonly string[];
  /** What could not be read. While it is not empty, the newest snapshot is not all of the state. */
  readonly unread: readonly Unread[];
};

/** Takes snapshots. */
export class Snapshotter {
  readonly #ports: SnapshotPorts;
  readonly #log: SeenLog;
  readonly #tip: Tip;
  readonly #compaction: Compaction;
  readonly #memory = new PageMemory();
  #seen: Seen;
  #unread: readonly Unread[] = [];
  readonly #order = new LargeOrder();
  readonly #progress: ReadingProgress;
  #begun: BegunFiles = new Map();
  #last: Promise<unknown> = Promise.resolve();

  /** Takes the head under the epoch of our lease, and loads the newest snapshot's tree. */
  static async open(ports: SnapshotPorts, epoch: number, signal: AbortSignal): Promise<Snapshotter> {
    const log = new SeenLog(ports.seenLog, ports.vault.keys.vaultId, ports.root);
    const follower = new SeenFollower(await log.read());
    const tip = await Tip.open(ports.vault, epoch, (ref, row) => follower.onRow(ref, row), signal);
    return new Snapshotter(ports, log, tip, follower.seen(tip.newest?.ref.name ?? null));
  }

  /** Use `open`. */
  private constructor(ports: SnapshotPorts, log: SeenLog, tip: Tip, seen: Seen) {
    this.#ports = ports;
    this.#compaction = new Compaction(ports.log);
    this.#progress = new ReadingProgress(ports.clock, () => ports.onSlow?.());
    this.#log = log;
    this.#tip = tip;
    this.#seen = seen;
  }

  /** The newest snapshot; undefined before the first. */
  get newest(): Summary | undefined {
    return this.#tip.newest?.summary;
  }

  /** Name of the newest snapshot's manifest; undefined before the first. */
  get newestName(): ObjectName | undefined {
    return this.#tip.newest?.ref.name;
  }

  /** What the last snapshot could not read, whether or not there was anything to store. */
  get unread(): readonly Unread[] {
    return this.#unread;
  }

  /** Large files whose newest content the newest snapshot has not: the next one reads on. */
  get isBehind(): boolean {
    return this.#begun.size > 0;
  }

  /** Files that take long to read, those that wait for it included. */
  get slow(): readonly SlowFile[] {
    return this.#progress.files;
  }

  /** Takes a snapshot; undefined when nothing changed, or it was postponed: then nothing was written. Calls wait for each other. */
  snapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotResult | undefined> {
    const taken = this.#last.then(() => this.#takeWhole(request, signal));
    this.#last = taken.catch(() => {});
    return taken;
  }

  /** Whoever asks for a snapshot gets one with all that was there when it began, the large files included. */
  async #takeWhole(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotResult | undefined> {
    const doneBefore = new Set<string>();
    let taken = await this.#take(request, doneBefore, signal);
    while (request.reason !== 'change' && this.isBehind)
      taken = (await this.#take(request, doneBefore, signal)) ?? taken;
    return taken;
  }

  async #take(
    request: SnapshotRequest,
    doneBefore: Set<string>,
    signal: AbortSignal,
  ): Promise<SnapshotResult | undefined> {
    const { root, vault, capture, clock, onStep } = this.#ports;
    await this.#settle(signal);
    const began = clock.monotonic();
    const { tree } = this.#tip;
    const before = { chunks: tree.chunks.count, packs: tree.packs.count };
    const ref = this.#tip.next(clock.now());
    const captures = new Captures(this.#memory.beside(capture, root));
    const onPack = () => onStep('snapshot:pack');
    const writer = new ContentWriter({ vault, tree, sequence: ref.sequence, onPack, signal });
    let isStored = false;
    try {
      const gathered = await gather({
        ...{ ...this.#ports, tree, seen: this.#seen, within: request.within, writer, captures, signal },
        large: { order: this.#order, begun: this.#begunIn(tree), doneBefore },
        loadCalls: this.#ports.loadCalls ?? loadNativeCalls,
        progress: this.#progress,
      });
      this.#unread = gathered.unread;
      if (this.#isPostponed(gathered, request)) {
        await writer.abandon();
        this.#tip.forget(before);
        this.#hold(gathered);
        return undefined;
      }
      const { newBytes: changedBytes } = writer;
      const change = await this.#compacted(gathered, request, { vault, tree, writer, newPacks: before.packs, signal });
      await writer.finish();
      await onStep('snapshot:packs');
      const { unsteady, unread } = gathered;
      const { packedBytes } = writer;
      if (!isWorthStoring(gathered, request) && !this.#endsLoss(request)) {
        isStored = true; // in the snapshot before
        await this.#remember(gathered, gathered.change.set);
        this.#tip.forget(before);
        this.#hold(gathered);
        return undefined;
      }
      const notStored = [...unread, ...slowNotes(gathered.begun)];
      const next = {
        ...{ ref, ...request, change, held: heldIn(gathered.begun), newPacks: before.packs },
        ...{ unsteady, unread: notStored, changedBytes, packedBytes },
      };
      const manifestBytes = await this.#tip.append(next, onStep, signal);
      isStored = true;
      this.#begun = gathered.begun;
      await onStep('snapshot:head');
      await this.#remember(gathered);
      await onStep('snapshot:done');
      const { sequence, name: manifest, clockMillis: takenAtMillis } = ref;
      const sizes = { changedBytes, bytesUploaded: packedBytes + manifestBytes };
      return {
        sequence,
        manifest,
        takenAtMillis,
        ...sizes,
        durationMillis: clock.monotonic() - began,
        unsteady,
        unread,
      };
    } catch (cause) {
      await writer.abandon();
      if (!isStored) this.#tip.forget(before);
      throw toOpenCraneError(cause, `taking a snapshot of ${root}`);
    } finally {
      await captures.release(isStored);
    }
  }

  /** Nothing new is in the lists of what was not stored. */
  #hold({ begun }: Gathered): void {
    this.#begun = begun;
    this.#tip.hold(heldIn(begun));
  }

  /** Those that were begun. A tree that was loaded anew does not hold what was read of them: they are begun again. */
  #begunIn({ held }: TreeIndex): BegunFiles {
    const all = new Map<string, BegunFile>();
    for (const [path, begun] of this.#begun) {
      const list = held.get(path);
      all.set(path, list ? { ...begun, list } : { ...begun, list: new ChunkList(), place: 0 });
    }
    return all;
  }

  /** A person's word on a loss is stored, too, where nothing else has changed. */
  #endsLoss({ reason }: SnapshotRequest): boolean {
    const isLossy = (this.newest?.watch?.loss ?? null) !== null;
    return isLossy && (reason === 'restore' || reason === 'accept');
  }

  #isPostponed(gathered: Gathered, { reason, postpone }: SnapshotRequest): boolean {
    if (postpone === undefined || gathered.cameFurther || !isWorthStoring(gathered, { reason })) return false;
    return postpone(touchedPages(this.#tip.tree, gathered.change, this.#memory));
  }

  /** What changes, and what is moved with it. Whoever asked for a snapshot waits for nothing more than that. */
  async #compacted(
    gathered: Gathered,
    request: SnapshotRequest,
    ports: Omit<CompactPorts, 'change'>,
  ): Promise<TreeChange> {
    const { change } = gathered;
    if (request.reason !== 'change' || !isWorthStoring(gathered, request)) return change;
    return this.#compaction.compact({ ...ports, change });
  }

  /** After a failure the newest snapshot may be another one than we know. */
  async #settle(signal: AbortSignal): Promise<void> {
    const follower = new SeenFollower(this.#seen);
    const isAnother = await this.#tip.settle((ref, row) => follower.onRow(ref, row), signal);
    if (isAnother) this.#seen = follower.seen(this.#tip.newest?.ref.name ?? null);
  }

  /** Remembers what was seen, but for entries that differ from what is stored. */
  async #remember({ seen }: Gathered, notStored?: TreeChange['set']): Promise<void> {
    const files = notStored ? new Map([...seen.files].filter(([path]) => !notStored.has(path))) : seen.files;
    const change = { files, positions: seen.positions };
    const manifest = this.#tip.newest?.ref.name ?? null;
    if (files.size + change.positions.size === 0 && manifest === this.#seen.manifest) return;
    this.#seen = { ...this.#seen, manifest };
    applySeen(this.#seen, change);
    await this.#log.append(this.#seen, change);
  }
}

/** Whether there is anything that the newest snapshot has not. New times alone are no reason for one that nobody asked for. */
function isWorthStoring(
  { matters, cameFurther, change }: Gathered,
  { reason }: Pick<SnapshotRequest, 'reason'>,
): boolean {
  return matters || cameFurther || (reason !== 'change' && change.set.size > 0);
}
