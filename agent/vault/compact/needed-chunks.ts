/** Which chunks a tree needs, and how long they are. */
import { chunkLength, type Entry, isFile } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { PackUse } from './choose-packs.ts';

/** Length of each chunk by its number; 0 of those that no file has. */
export function neededChunks({ chunks }: TreeIndex, entries: Iterable<readonly [string, Entry]>): Uint32Array {
  const lengths = new Uint32Array(chunks.count);
  for (const [, entry] of entries) {
    if (!isFile(entry)) continue;
    for (const [at, chunk] of entry.chunks.entries()) lengths[chunk] = chunkLength(entry, at);
  }
  return lengths;
}

/** How much of each pack is needed, of the first so many. */
export function packUses({ chunks, packs }: TreeIndex, lengths: Uint32Array, count: number): PackUse[] {
  const needed = new Float64Array(packs.count);
  for (const [chunk, length] of lengths.entries()) {
    const pack = chunks.pack(chunk);
    needed[pack] = (needed[pack] ?? 0) + length;
  }
  return Array.from({ length: count }, (_, pack) => {
    const plainBytes = packs.get(pack).plain.reduce((sum, bytes) => sum + bytes, 0);
    return { pack, neededBytes: needed[pack] ?? 0, plainBytes };
  });
}
