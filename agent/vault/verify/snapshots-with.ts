/** Which snapshots need frames that are broken. Reads the manifests again, which nobody has to when all is well. */
import type { PackId } from '../../bucket/layout.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { isFile } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import type { Chain } from './chains.ts';
import type { DamagedPack } from './check-packs.ts';
import { walkChain } from './walk-chain.ts';

/** The wanted snapshots that need a broken frame, by pack. */
export async function snapshotsWith(
  vault: Vault,
  chains: readonly Chain[],
  damaged: readonly DamagedPack[],
  signal: AbortSignal,
): Promise<Map<PackId, ManifestRef[]>> {
  const broken = new Map(damaged.map(({ wanted: { pack }, broken: frames }) => [pack.id, frames]));
  const needing = new Map<PackId, ManifestRef[]>(damaged.map(({ wanted: { pack } }) => [pack.id, []]));
  for (const { links, wanted } of chains) {
    const marks = new BrokenChunks(broken);
    for await (const { ref, tree } of walkChain(vault, links, () => {}, signal)) {
      if (tree && wanted.has(ref)) for (const id of marks.packsOf(tree)) needing.get(id)?.push(ref);
    }
  }
  return needing;
}

/** The chunks of a chain's tree that lie in broken frames. The tree only ever gets more chunks. */
class BrokenChunks {
  readonly #broken: ReadonlyMap<PackId, ReadonlySet<number>>;
  readonly #chunks = new Map<number, PackId>();
  #looked = 0;

  constructor(broken: ReadonlyMap<PackId, ReadonlySet<number>>) {
    this.#broken = broken;
  }

  packsOf({ entries, chunks, packs }: TreeIndex): Set<PackId> {
    for (; this.#looked < chunks.count; this.#looked += 1) {
      const { id } = packs.get(chunks.pack(this.#looked));
      if (this.#broken.get(id)?.has(chunks.frame(this.#looked))) this.#chunks.set(this.#looked, id);
    }
    const found = new Set<PackId>();
    for (const entry of this.#chunks.size === 0 ? [] : entries.values()) {
      if (!isFile(entry)) continue;
      for (const chunk of entry.chunks) {
        const id = this.#chunks.get(chunk);
        if (id !== undefined) found.add(id);
      }
    }
    return found;
  }
}
