/**
 * Writes chunks that the vault does not have yet. Chunks gather in a frame, frames in a pack, and packs go to the bucket
 * while the next ones are made; how much is under way is bounded, so the memory is too.
 */
import { Compressor } from '../format/compression.ts';
import { freeBuffer } from '../format/free-buffer.ts';
import { GrowingBuffer } from '../format/growing-buffer.ts';
import { newPackId } from '../format/object-ids.ts';
import { PackWriter } from '../format/pack-writer.ts';
import { chunkName } from '../keys/vault-keys.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { UnderWay } from './under-way.ts';

/** Plain bytes of a frame, at most: what one chunk costs to read, and enough for zstd to find what repeats. */
const FRAME_BYTES = 512 * 1024;
/** Plain bytes of a pack, at most. */
const PACK_BYTES = 8 * 1024 * 1024;
/** A pack of this length gets nothing more: text packs to less, and what does not pack would take twice the memory. */
const ENOUGH_PACKED_BYTES = 4 * 1024 * 1024;
/** Frames being packed, with some MB each. The pool has 4 threads, and reading files needs one now and then. */
const FRAMES_UNDER_WAY = 3;
/** Packs that are made or sent, each in memory. */
const PACKS_UNDER_WAY = 3;

/** What writing takes. */
export type ContentPorts = {
  readonly vault: Vault;
  readonly tree: TreeIndex;
  /** Of the snapshot that the packs are for. */
  readonly sequence: number;
  /** Called when a pack lies in the bucket. */
  readonly onPack: () => Promise<void> | void;
  readonly signal: AbortSignal;
};

type OpenPack = {
  readonly writer: PackWriter;
  readonly number: number;
  readonly buffer: GrowingBuffer;
  plainBytes: number;
};

/** The writer of one snapshot. One call at a time. */
export class ContentWriter {
  readonly #ports: ContentPorts;
  readonly #compressor = new Compressor();
  readonly #frames = new UnderWay(FRAMES_UNDER_WAY);
  readonly #packs = new UnderWay(PACKS_UNDER_WAY - 1);
  readonly #spareFrames: Buffer[] = [];
  readonly #spareBuffers: GrowingBuffer[] = [];
  #pack: OpenPack | undefined;
  #frame: Buffer = Buffer.allocUnsafeSlow(FRAME_BYTES);
  #used = 0;
  /** Bytes of chunks that were not known. */
  newBytes = 0;
  /** Bytes of the packs that lie in the bucket. */
  packedBytes = 0;

  constructor(ports: ContentPorts) {
    this.#ports = ports;
  }

  /** Whether a chunk of this length fits into the frame. When it does not, `flush` comes first. */
  fits(bytes: number): boolean {
    return this.#used + bytes <= FRAME_BYTES;
  }

  /** Where the next chunk may be read into, before `keep`. It `fits`. */
  room(bytes: number): Buffer {
    return this.#frame.subarray(this.#used, this.#used + bytes);
  }

  /** Makes a chunk of what lies in `room`, unless the vault has it already. Returns its number. */
  keep(bytes: number): number {
    const name = chunkName(this.#ports.vault.keys, this.room(bytes));
    const known = this.#ports.tree.chunks.find(name);
    return known >= 0 ? known : this.#add(name, bytes);
  }

  /** Makes a chunk of bytes that lie elsewhere, unless the vault has it already. It `fits`. */
  store(content: Uint8Array): number {
    const name = chunkName(this.#ports.vault.keys, content);
    const known = this.#ports.tree.chunks.find(name);
    if (known >= 0) return known;
    this.#frame.set(content, this.#used);
    return this.#add(name, content.length);
  }

  /** Sends the frame off. Resolves when there is room for another. */
  async flush(): Promise<void> {
    if (this.#used === 0) return;
    const pack = this.#openPack();
    const [frame, used] = [this.#frame, this.#used];
    this.#frames.add(pack.writer.add(frame.subarray(0, used)).then(() => void this.#spareFrames.push(frame)));
    pack.plainBytes += used;
    this.#used = 0;
    if (pack.plainBytes + FRAME_BYTES > PACK_BYTES || pack.writer.bytes > ENOUGH_PACKED_BYTES)
      await this.#closePack(pack);
    await this.#frames.room();
    this.#frame = this.#spareFrames.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES);
  }

  /** Sends off what is left; resolves when every pack lies in the bucket. */
  async finish(): Promise<void> {
    await this.flush();
    if (this.#pack) await this.#closePack(this.#pack);
    await this.#frames.end();
    await this.#packs.end();
    this.#free();
  }

  /** Gives up; resolves when nothing is under way any more. */
  async abandon(): Promise<void> {
    await this.#frames.settle();
    await this.#packs.settle();
    this.#free();
  }

  /** The manifest is made next, which takes memory too. */
  #free(): void {
    this.#compressor.close();
    for (const buffer of this.#spareBuffers.splice(0)) buffer.free();
    for (const frame of [this.#frame, ...this.#spareFrames.splice(0)]) freeBuffer(frame);
  }

  #add(name: Buffer, bytes: number): number {
    const { writer, number } = this.#openPack();
    const place = { pack: number, frame: writer.frames, offset: this.#used };
    this.#used += bytes;
    this.newBytes += bytes;
    return this.#ports.tree.chunks.add(name, 0, place);
  }

  #openPack(): OpenPack {
    if (this.#pack) return this.#pack;
    const { vault, tree, sequence, signal } = this.#ports;
    const buffer = this.#spareBuffers.pop() ?? new GrowingBuffer();
    const id = newPackId(sequence, vault.random);
    const writer = new PackWriter(id, { vault, compressor: this.#compressor, buffer, signal });
    const nothing = new Uint32Array();
    const number = tree.packs.add({ id, bytes: 0, sealed: nothing, plain: nothing });
    this.#pack = { writer, number, buffer, plainBytes: 0 };
    return this.#pack;
  }

  async #closePack(pack: OpenPack): Promise<void> {
    this.#pack = undefined;
    this.#packs.add(this.#finishPack(pack));
    await this.#packs.room();
  }

  async #finishPack({ writer, number, buffer }: OpenPack): Promise<void> {
    const pack = await writer.finish();
    this.#ports.tree.packs.settle(number, pack);
    this.packedBytes += pack.bytes;
    buffer.clear();
    this.#spareBuffers.push(buffer);
    await this.#ports.onPack();
  }
}
