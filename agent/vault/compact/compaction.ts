/**
 * Keeps the newest snapshot from needing ever more packs: once in a while, what it needs of small and of sparse packs is written
 * again together with what is new (choose-packs.ts). Older snapshots stay as they are; the old packs go when pruning finds that no
 * snapshot needs them.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { PackId } from '../../bucket/layout.ts';
import { isFile } from '../tree/entries.ts';
import { entriesAfter, Renumbering, type TreeChange } from '../tree/tree-index.ts';
import { choosePacks } from './choose-packs.ts';
import { type MovePorts, moveChunks, WriteFailure } from './move-chunks.ts';
import { neededChunks, packUses } from './needed-chunks.ts';

/** What compacting takes. */
export type CompactPorts = MovePorts & {
  /** What the snapshot that is being taken changes. */
  readonly change: TreeChange;
  /** Packs from this number on are written for it. */
  readonly newPacks: number;
};

/** Looking costs a walk over all chunks; so many packs more are a reason. */
const LOOK_EVERY_PACKS = 16;

/** The compaction of one vault. */
export class Compaction {
  readonly #log: Pick<Logger, 'warn'>;
  /** Packs that could not be read. Snapshots go on without; verifying tells of them. */
  readonly #unreadable = new Set<PackId>();
  #lookAt = 0;

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
  }

  /** The change of a snapshot, and what is moved with it. */
  async compact(ports: CompactPorts): Promise<TreeChange> {
    const { tree, change, newPacks, signal } = ports;
    if (newPacks < this.#lookAt && newPacks >= this.#lookAt - LOOK_EVERY_PACKS) return change;
    this.#lookAt = newPacks + LOOK_EVERY_PACKS;
    const lengths = neededChunks(tree, entriesAfter(tree, change));
    const uses = packUses(tree, lengths, newPacks).filter(({ pack }) => !this.#unreadable.has(tree.packs.get(pack).id));
    const packs = choosePacks(uses);
    if (packs.size === 0) return change;
    try {
      return withMoved(ports, await moveChunks(ports, packs, lengths));
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof WriteFailure) throw cause.cause;
      // What is to be stored must not wait for what is only to be stored better.
      this.#log.warn({ err: cause, packs: packs.size }, 'moving out of old packs failed; the snapshot goes on without');
      if (cause instanceof OpenCraneError && cause.code === 'data_loss') this.#remember(ports, packs, cause);
      return change;
    }
  }

  #remember({ tree }: CompactPorts, packs: ReadonlySet<number>, { field }: OpenCraneError): void {
    for (const pack of packs)
      if (field.endsWith(tree.packs.get(pack).id)) this.#unreadable.add(tree.packs.get(pack).id);
  }
}

function withMoved({ tree, change }: CompactPorts, moved: ReadonlyMap<number, number>): TreeChange {
  const set = new Map(change.set);
  const renumbered = new Renumbering((chunk) => moved.get(chunk) ?? chunk);
  for (const [path, entry] of entriesAfter(tree, change)) {
    if (!isFile(entry) || !entry.chunks.some((chunk) => moved.has(chunk))) continue;
    set.set(path, renumbered.of(entry));
  }
  return { set, removed: change.removed };
}
