/** Reads frames back. What is damaged is named, and the rest is read all the same. */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import { FrameReader, type WantedFrames } from '../format/pack-reader.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import { onlyDamage } from '../unreadable.ts';
import type { Vault } from '../vault.ts';
import { sealedBytes } from './needed-frames.ts';

/** A pack with frames that cannot be read. */
export type DamagedPack = {
  readonly wanted: WantedFrames;
  readonly damage: OpenCraneError;
  readonly broken: ReadonlySet<number>;
};

/** Packs read at once: of large ones two requests of 2 MiB each are in memory; of small ones what counts is the way there. */
const [LARGE_AT_ONCE, SMALL_AT_ONCE] = [4, 16];
const SMALL_BYTES = 512 * 1024;

/** Reads every frame; `onBytes` hears how many bytes came from the bucket. */
export async function checkPacks(
  vault: Vault,
  wanted: readonly WantedFrames[],
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<DamagedPack[]> {
  const damaged: DamagedPack[] = [];
  const reader = new FrameReader(vault, signal);
  const check = async (one: WantedFrames) => {
    const found = await checkPack(reader, one, onBytes);
    if (found) damaged.push(found);
  };
  const isSmall = (one: WantedFrames) => sealedBytes(one) <= SMALL_BYTES;
  try {
    await mapConcurrently(
      wanted.filter((one) => !isSmall(one)),
      LARGE_AT_ONCE,
      check,
    );
    await mapConcurrently(wanted.filter(isSmall), SMALL_AT_ONCE, check);
  } finally {
    reader.close();
  }
  return damaged;
}

const hopeless = ['object_missing', 'object_of_another_vault'];

async function checkPack(
  reader: FrameReader,
  wanted: WantedFrames,
  onBytes: (bytes: number) => void,
): Promise<DamagedPack | undefined> {
  const { pack } = wanted;
  const read = new Set<number>();
  const take = (_: unknown, frame: number) => {
    if (read.has(frame)) return;
    read.add(frame);
    onBytes(pack.sealed[frame] ?? 0);
  };
  const damage = await reader.read([wanted], take).then(() => undefined, onlyDamage);
  if (!damage) return undefined;
  // Reading ends with the first broken frame. The others are tried one by one, unless it is no pack of this vault at all.
  const rest = hopeless.includes(damage.reason) ? [] : wanted.frames.filter((frame) => !read.has(frame));
  await mapConcurrently(rest, LARGE_AT_ONCE, (frame) =>
    reader.read([{ pack, frames: [frame] }], take).catch(onlyDamage),
  );
  const broken = new Set(wanted.frames.filter((frame) => !read.has(frame)));
  return broken.size > 0 ? { wanted, damage, broken } : undefined;
}
