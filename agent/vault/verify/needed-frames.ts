/** The frames that some snapshots need, each once. */

import type { PackId } from '../../bucket/layout.ts';
import { objectAt } from '../../bucket/layout.ts';
import { isFileRow, RUN_LENGTH, type TreeRow } from '../format/manifest-body.ts';
import type { WantedFrames } from '../format/pack-reader.ts';
import type { Pack } from '../format/pack-table.ts';
import { isFile } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';

/** Gathers frames. A bit each: a vault of 100 GB has 400,000. */
export class NeededFrames {
  readonly #packs = new Map<PackId, { readonly pack: Pack; readonly needed: Uint8Array }>();

  /** Adds what a tree needs. */
  addTree({ entries, chunks, packs }: TreeIndex): void {
    const byNumber = Array.from({ length: packs.count }, (_, number) => packs.get(number));
    for (const entry of entries.values()) {
      if (!isFile(entry)) continue;
      for (const chunk of entry.chunks) {
        const pack = byNumber[chunks.pack(chunk)];
        if (pack) this.#add(pack, chunks.frame(chunk));
      }
    }
  }

  /** Adds what a row tells of. A run lies in one frame. */
  addRow(row: TreeRow, packs: readonly (Pack | undefined)[]): void {
    const runs = row[0] === '+' ? row[1] : isFileRow(row) ? row[8] : [];
    for (let at = 0; at < runs.length; at += RUN_LENGTH) {
      const pack = packs[runs[at + 2] ?? -1];
      if (pack) this.#add(pack, runs[at + 3] ?? 0);
    }
  }

  /** What to read. */
  wanted(): WantedFrames[] {
    return [...this.#packs.values()].map(({ pack, needed }) => ({
      pack,
      frames: Array.from(pack.sealed.keys()).filter((frame) => needed[frame] === 1),
    }));
  }

  #add(pack: Pack, frame: number): void {
    let known = this.#packs.get(pack.id);
    if (!known) {
      known = { pack, needed: new Uint8Array(pack.sealed.length) };
      this.#packs.set(pack.id, known);
    }
    known.needed[frame] = 1;
  }
}

/** Length of frames as they lie in the bucket. */
export function sealedBytes({ pack, frames }: WantedFrames): number {
  return frames.reduce((sum, frame) => sum + (pack.sealed[frame] ?? 0), 0);
}

/** The name of a pack's object. */
export function packName({ id }: Pack) {
  return objectAt({ kind: 'pack', id });
}
