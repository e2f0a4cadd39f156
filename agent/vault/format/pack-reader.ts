/**
 * Reads frames out of packs: what lies close together in one request, several requests at once, and no more in memory than a
 * few of them give.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectAt } from '../../bucket/layout.ts';
import { objectDamaged, objectMissing, objectShort } from '../errors.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import type { Vault } from '../vault.ts';
import { Decompressor, NotPacked } from './compression.ts';
import { freeBuffer } from './free-buffer.ts';
import { frameStarts, type Pack } from './pack-table.ts';
import { HEADER_BYTES, ObjectOpener } from './sealed-object.ts';

/** Frames of one pack, ascending. */
export type WantedFrames = { readonly pack: Pack; readonly frames: readonly number[] };

/** Called with each frame's plain text; in any order. The bytes are used again when it is done. */
export type TakeFrame = (pack: Pack, frame: number, plain: Uint8Array) => Promise<void> | void;

/** One request: frames and where they lie. */
export type Fetch = { readonly frames: readonly number[]; readonly start: number; readonly end: number };

/** Bytes of one request, unless one frame alone is longer. */
const FETCH_BYTES = 2 * 1024 * 1024;
/** What is read for nothing rather than to make another request. */
const GAP_BYTES = 128 * 1024;
/** Packs read at once: two requests each are in memory. Of small ones, where the way there and back counts, more. */
const [LARGE_AT_ONCE, SMALL_AT_ONCE] = [4, 16];
const SMALL_BYTES = 512 * 1024;
/** Frames of one request unpacked at once, on threads of the pool. */
const FRAMES_AT_ONCE = 2;

/** Reads frames. Each is opened once, and handed on when it is authentic and whole. */
export async function readFrames(
  vault: Vault,
  wanted: readonly WantedFrames[],
  take: TakeFrame,
  signal?: AbortSignal,
): Promise<void> {
  const reader = new FrameReader(vault, signal);
  try {
    await reader.read(wanted, take);
  } finally {
    reader.close();
  }
}

/** Reads frames, again and again. */
export class FrameReader {
  readonly #decompressor = new Decompressor();
  readonly #vault: Vault;
  readonly #signal: AbortSignal | undefined;

  constructor(vault: Vault, signal?: AbortSignal) {
    this.#vault = vault;
    this.#signal = signal;
  }

  async read(wanted: readonly WantedFrames[], take: TakeFrame): Promise<void> {
    const ports = { vault: this.#vault, take, decompressor: this.#decompressor, signal: this.#signal };
    const planned = wanted.map((one) => ({ pack: one.pack, fetches: planFetches(one) }));
    const isSmall = ({ fetches }: (typeof planned)[number]) => fetches.length === 1 && size(fetches[0]) <= SMALL_BYTES;
    const read = ({ pack, fetches }: (typeof planned)[number]) => readPack(ports, pack, fetches);
    await mapConcurrently(
      planned.filter((one) => !isSmall(one)),
      LARGE_AT_ONCE,
      read,
    );
    await mapConcurrently(planned.filter(isSmall), SMALL_AT_ONCE, read);
  }

  /** Frees what it holds; nothing is being read. */
  close(): void {
    this.#decompressor.close();
  }
}

/** Which requests get the frames of a pack. The first also gets the header, when it is near. */
export function planFetches({ pack, frames }: WantedFrames): Fetch[] {
  const starts = frameStarts(pack);
  const fetches: { frames: number[]; start: number; end: number }[] = [];
  let last = { frames: [] as number[], start: 0, end: HEADER_BYTES };
  for (const frame of frames) {
    const [start, end] = [starts[frame] ?? 0, starts[frame + 1] ?? 0];
    if (start - last.end <= GAP_BYTES && end - last.start <= FETCH_BYTES) {
      last.frames.push(frame);
      last.end = end;
    } else last = { frames: [frame], start, end };
    if (last.frames.length === 1) fetches.push(last);
  }
  return fetches;
}

type ReadPorts = {
  readonly vault: Vault;
  readonly take: TakeFrame;
  readonly decompressor: Decompressor;
  readonly signal: AbortSignal | undefined;
};

async function readPack(ports: ReadPorts, pack: Pack, fetches: readonly Fetch[]): Promise<void> {
  const { vault, signal } = ports;
  const name = objectAt({ kind: 'pack', id: pack.id });
  const starts = frameStarts(pack);
  const [first] = fetches;
  if (!first) return;
  let next = fetch(vault, name, first, signal);
  const header = first.start === 0 ? await next : await fetch(vault, name, { start: 0, end: HEADER_BYTES }, signal);
  const opener = new ObjectOpener(vault.keys, 'pack', name, header);
  for (const [at, { frames, start, end }] of fetches.entries()) {
    const bytes = await next;
    if (bytes.length < end - start) throw objectShort(name, start + bytes.length, end);
    const following = fetches[at + 1];
    if (following) next = fetch(vault, name, following, signal);
    next.catch(() => {}); // awaited in the next round, if there is one
    await mapConcurrently(frames, FRAMES_AT_ONCE, async (frame) => {
      const sealed = bytes.subarray((starts[frame] ?? 0) - start, (starts[frame + 1] ?? 0) - start);
      await openFrame(ports, opener, pack, frame, sealed);
    });
    freeBuffer(bytes);
  }
}

async function openFrame(
  { take, decompressor }: ReadPorts,
  opener: ObjectOpener,
  pack: Pack,
  frame: number,
  sealed: Uint8Array,
): Promise<void> {
  const packed = opener.open(frame, sealed);
  try {
    await decompressor.decompress(packed, pack.plain[frame] ?? 0, (plain) => take(pack, frame, plain));
  } catch (cause) {
    if (!(cause instanceof NotPacked)) throw cause;
    throw objectDamaged(objectAt({ kind: 'pack', id: pack.id }), `frame ${frame} does not unpack`, cause);
  }
  freeBuffer(packed);
}

/** What is there of a part; perhaps less. Whose object it is counts more than its length, so that is looked at first. */
async function fetch(
  { bucket }: Vault,
  name: ObjectName,
  { start, end }: Pick<Fetch, 'start' | 'end'>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const object = await bucket.read(name, { start, end }, signal);
  if (!object) throw objectMissing(name, 'it holds content of this snapshot');
  return object.bytes;
}

function size(fetch: Fetch | undefined): number {
  return fetch ? fetch.end - fetch.start : 0;
}
