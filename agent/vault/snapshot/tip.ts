/**
 * The newest snapshot as this agent knows it: the head, its tree, and how the next one is put on top.
 *
 *   known ──manifest written, head moved──▶ known
 *     └──no answer to moving the head──▶ doubtful ──head read again──▶ known, or another agent has taken the head
 */
import { adoptHead, type Head, moveHead, rereadHead } from '../format/head.ts';
import { createManifest, type Summary, sealManifest } from '../format/manifest.ts';
import type { TreeRow } from '../format/manifest-body.ts';
import { type ManifestRef, newManifestRef } from '../format/object-ids.ts';
import { contentOf } from '../loss/content.ts';
import { beginWatch, type LossWatch, nextWatch } from '../loss/loss-watch.ts';
import type { ChunkList } from '../tree/chunk-list.ts';
import { describeDelta, describeFull } from '../tree/describe-tree.ts';
import { type LoadedSnapshot, loadSnapshot, type OnRow } from '../tree/load-chain.ts';
import {
  applyChange,
  emptyTree,
  entriesAfter,
  measure,
  type TreeChange,
  type TreeIndex,
  withoutUnused,
} from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { nextManifest } from './next-manifest.ts';

/** What is put on top of the newest snapshot. */
export type NextSnapshot = Pick<Summary, 'reason' | 'openclawVersion' | 'changedBytes' | 'packedBytes'> & {
  readonly ref: ManifestRef;
  readonly change: TreeChange;
  /** Packs from this number on were written for it. */
  readonly newPacks: number;
  readonly unsteady: readonly string[];
  /** What was read of files that are not whole yet. */
  readonly held: ReadonlyMap<string, ChunkList>;
  readonly unread: readonly { readonly path: string; readonly why: string }[];
};

/** The tip of a vault. */
export class Tip {
  readonly #vault: Vault;
  #head: Head;
  #newest: LoadedSnapshot | undefined;
  #tree: TreeIndex = emptyTree();
  #isDoubtful = false;

  /** Takes the head under the epoch of our lease, and loads the newest snapshot. */
  static async open(vault: Vault, epoch: number, onRow: OnRow, signal: AbortSignal): Promise<Tip> {
    const tip = new Tip(vault, await adoptHead(vault, epoch, signal));
    await tip.#load(onRow, signal);
    return tip;
  }

  /** Use `open`. */
  private constructor(vault: Vault, head: Head) {
    this.#vault = vault;
    this.#head = head;
  }

  /** The tree of the newest snapshot; an empty one before the first. */
  get tree(): TreeIndex {
    return this.#tree;
  }

  get newest(): LoadedSnapshot | undefined {
    return this.#newest;
  }

  /** Makes sure that the tip is known; true when it turned out to be another than we thought. */
  async settle(onRow: OnRow, signal: AbortSignal): Promise<boolean> {
    if (!this.#isDoubtful) return false;
    this.#head = await rereadHead(this.#vault, this.#head.epoch, signal);
    const isAnother = this.#head.newest?.name !== this.#newest?.ref.name;
    if (isAnother) await this.#load(onRow, signal);
    this.#isDoubtful = false;
    return isAnother;
  }

  /** Names the manifest of the next snapshot. */
  next(nowMillis: number): ManifestRef {
    return newManifestRef(nextManifest(this.#newest, nowMillis), this.#vault.random);
  }

  /** Writes the manifest and moves the head. Returns the length of the manifest. */
  async append(
    next: NextSnapshot,
    onStep: (step: string) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<number> {
    const { ref, change, newPacks, held, unsteady, unread } = next;
    const isFull = ref.depth === 0;
    const described = isFull
      ? describeFull(this.#tree, change, newPacks, held.values())
      : describeDelta(this.#tree, change, newPacks);
    const summary = this.#summary(next);
    const rows = withNotes(described.rows, unsteady, unread);
    const object = await sealManifest(this.#vault, ref, summary, rows, described.packs);
    await createManifest(this.#vault, ref, object, signal);
    await onStep('snapshot:manifest');
    await this.#move(ref, signal);
    applyChange(this.#tree, change);
    this.hold(held);
    if (isFull) this.#tree = withoutUnused(this.#tree);
    const { fullBytes, deltaBytes } = this.#newest ?? { fullBytes: 0, deltaBytes: 0 };
    const lengths = isFull
      ? { fullBytes: object.length, deltaBytes: 0 }
      : { fullBytes, deltaBytes: deltaBytes + object.length };
    this.#newest = { ref, summary, tree: this.#tree, ...lengths };
    return object.length;
  }

  /** Holds what was read of files that are not whole yet, and nothing else of such. */
  hold(held: ReadonlyMap<string, ChunkList>): void {
    this.#tree.held.clear();
    for (const [path, list] of held) this.#tree.held.set(path, list);
  }

  /** Forgets chunks and packs that were added for a snapshot that is not stored. */
  forget({ chunks, packs }: { readonly chunks: number; readonly packs: number }): void {
    this.#tree.chunks.truncate(chunks);
    this.#tree.packs.truncate(packs);
  }

  async #load(onRow: OnRow, signal: AbortSignal): Promise<void> {
    const { newest } = this.#head;
    this.#newest = newest && (await loadSnapshot(this.#vault, newest, onRow, signal));
    this.#tree = this.#newest?.tree ?? emptyTree();
  }

  async #move(ref: ManifestRef, signal: AbortSignal): Promise<void> {
    this.#isDoubtful = true;
    this.#head = await moveHead(this.#vault, this.#head, ref, signal);
    this.#isDoubtful = false;
  }

  #summary({ ref, change, reason, openclawVersion, changedBytes, packedBytes }: NextSnapshot): Summary {
    const { sequence, depth, clockMillis: takenAtMillis } = ref;
    const newest = this.#newest;
    const base = depth === 0 ? null : (newest?.summary.base ?? newest?.ref.name ?? null);
    return {
      ...{ sequence, depth, parent: newest?.ref.name ?? null, base, takenAtMillis, epoch: this.#head.epoch },
      ...{ reason, openclawVersion, ...measure(entriesAfter(this.#tree, change)), changedBytes, packedBytes },
      watch: this.#watch(ref, change, reason),
    };
  }

  /** A person who brings a whole snapshot back, or says that a loss was meant, is content with what is there then. */
  #watch({ name, clockMillis: takenAtMillis }: ManifestRef, change: TreeChange, reason: Summary['reason']): LossWatch {
    const counted = { name, takenAtMillis, content: contentOf(entriesAfter(this.#tree, change)) };
    const newest = this.#newest;
    if (newest === undefined || reason === 'restore' || reason === 'accept') return beginWatch(counted);
    const { ref, summary, tree } = newest;
    const watch =
      summary.watch ?? beginWatch({ name: ref.name, takenAtMillis: ref.clockMillis, content: contentOf(tree.entries) });
    return nextWatch(watch, ref.name, counted);
  }
}

/** What people should know of a snapshot comes after the tree. */
function* withNotes(
  rows: Iterable<TreeRow>,
  unsteady: NextSnapshot['unsteady'],
  unread: NextSnapshot['unread'],
): Generator<TreeRow> {
  yield* rows;
  for (const path of unsteady) yield ['~', path];
  for (const { path, why } of unread) yield ['?', path, why];
}
