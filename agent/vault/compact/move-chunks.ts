/** Writes chunks again, into the packs of a snapshot that is being taken. */
import { objectAt } from '../../bucket/layout.ts';
import { objectDamaged } from '../errors.ts';
import { readFrames, type WantedFrames } from '../format/pack-reader.ts';
import { NAME_BYTES } from '../keys/vault-keys.ts';
import type { ContentWriter } from '../packing/content-writer.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';

/** What moving takes. */
export type MovePorts = {
  readonly vault: Vault;
  readonly tree: TreeIndex;
  readonly writer: ContentWriter;
  readonly signal: AbortSignal;
};

/** What goes wrong with what is written, and not with what is read. */
export class WriteFailure extends Error {
  override readonly name = 'WriteFailure';
}

/** Moves the chunks of some packs; `lengths` tells which are needed. New numbers by old ones. */
export async function moveChunks(
  ports: MovePorts,
  packs: ReadonlySet<number>,
  lengths: Uint32Array,
): Promise<Map<number, number>> {
  const { vault, tree, signal } = ports;
  const byFrame = chunksByFrame(tree, packs, lengths);
  const moved = new Map<number, number>();
  // What is there already would be found, and stay where it is.
  tree.chunks.findOnly((chunk) => !packs.has(tree.chunks.pack(chunk)));
  try {
    let last: Promise<void> = Promise.resolve(); // the writer takes one call at a time
    await readFrames(
      vault,
      wantedFrames(tree, byFrame),
      (pack, frame, plain) => {
        const chunks = byFrame.get(tree.packs.numberOf(pack.id) ?? -1)?.get(frame) ?? [];
        last = last.then(() => rewrite(ports, chunks, lengths, plain, moved));
        return last;
      },
      signal,
    );
  } finally {
    tree.chunks.findOnly(() => true);
  }
  return moved;
}

type ByFrame = ReadonlyMap<number, ReadonlyMap<number, readonly number[]>>;

function chunksByFrame({ chunks }: TreeIndex, packs: ReadonlySet<number>, lengths: Uint32Array): ByFrame {
  const byPack = new Map<number, Map<number, number[]>>();
  for (const [chunk, length] of lengths.entries()) {
    const pack = chunks.pack(chunk);
    if (length === 0 || !packs.has(pack)) continue;
    const frames = byPack.get(pack) ?? new Map<number, number[]>();
    byPack.set(pack, frames);
    const frame = chunks.frame(chunk);
    const known = frames.get(frame);
    if (known) known.push(chunk);
    else frames.set(frame, [chunk]);
  }
  return byPack;
}

function wantedFrames({ packs }: TreeIndex, byFrame: ByFrame): WantedFrames[] {
  return [...byFrame].map(([pack, frames]) => ({
    pack: packs.get(pack),
    frames: [...frames.keys()].sort((a, b) => a - b),
  }));
}

async function rewrite(
  { tree: { chunks, packs }, writer }: MovePorts,
  numbers: readonly number[],
  lengths: Uint32Array,
  plain: Uint8Array,
  moved: Map<number, number>,
): Promise<void> {
  const [wanted, written] = [Buffer.alloc(NAME_BYTES), Buffer.alloc(NAME_BYTES)];
  for (const chunk of numbers) {
    const [at, bytes] = [chunks.offset(chunk), lengths[chunk] ?? 0];
    const number = await store(writer, plain.subarray(at, at + bytes));
    chunks.writeName(chunk, wanted, 0);
    chunks.writeName(number, written, 0);
    if (!wanted.equals(written)) {
      const { id } = packs.get(chunks.pack(chunk));
      throw objectDamaged(objectAt({ kind: 'pack', id }), 'a chunk in it is not what its name says');
    }
    moved.set(chunk, number);
  }
}

async function store(writer: ContentWriter, content: Uint8Array): Promise<number> {
  try {
    if (!writer.fits(content.length)) await writer.flush();
    return writer.store(content);
  } catch (cause) {
    throw new WriteFailure('writing what is moved', { cause });
  }
}
