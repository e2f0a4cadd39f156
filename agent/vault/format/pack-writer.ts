/**
 * One pack, made in memory: frames are packed by zstd on threads of the pool, several at once, sealed, and put one after the
 * other. Then it goes to the bucket in one piece, which can be sent again.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectAt, type PackId } from '../../bucket/layout.ts';
import { objectDamaged } from '../errors.ts';
import type { Vault } from '../vault.ts';
import type { Compressor } from './compression.ts';
import { freeBuffer } from './free-buffer.ts';
import type { GrowingBuffer } from './growing-buffer.ts';
import { ObjectSealer } from './sealed-object.ts';

/** What became of a pack: its length, and the sealed and plain length of each frame. */
export type WrittenPack = {
  readonly id: PackId;
  readonly bytes: number;
  readonly sealed: Uint32Array;
  readonly plain: Uint32Array;
};

/** What writing a pack takes. */
export type PackWriterPorts = {
  readonly vault: Vault;
  readonly compressor: Compressor;
  /** Empty. It may be used again when the pack lies in the bucket. */
  readonly buffer: GrowingBuffer;
  readonly signal: AbortSignal;
};

/** A pack that is being written. */
export class PackWriter {
  readonly id: PackId;
  readonly #ports: PackWriterPorts;
  readonly #name: ObjectName;
  readonly #sealer: ObjectSealer;
  readonly #sealed: number[] = [];
  readonly #plain: number[] = [];
  /** Resolves when the frame before, and those before it, are in the buffer. */
  #last: Promise<void> = Promise.resolve();

  constructor(id: PackId, ports: PackWriterPorts) {
    this.id = id;
    this.#ports = ports;
    this.#name = objectAt({ kind: 'pack', id });
    this.#sealer = new ObjectSealer(ports.vault.keys, 'pack', this.#name, ports.vault.random);
    ports.buffer.append(this.#sealer.header);
  }

  /** How many frames were added. */
  get frames(): number {
    return this.#plain.length;
  }

  /** Length so far; frames that are being packed are not in it yet. */
  get bytes(): number {
    return this.#ports.buffer.bytes.length;
  }

  /** Adds the next frame. Resolves when `plain` may be used again; in what order is no matter. */
  async add(plain: Uint8Array): Promise<void> {
    const frame = this.#plain.push(plain.length) - 1;
    const sealing = this.#ports.compressor.compress(plain, (packed) => this.#sealer.seal(frame, packed));
    const before = this.#last;
    this.#last = before.then(async () => this.#append(frame, await sealing));
    this.#last.catch(() => {}); // whoever waits for it hears
    await sealing;
  }

  /** Nothing more is added: resolves when the pack lies in the bucket. */
  async finish(): Promise<WrittenPack> {
    await this.#last;
    const { vault, buffer, signal } = this.#ports;
    const { bytes } = buffer;
    if ((await vault.bucket.create(this.#name, bytes, signal)) === 'exists') await this.#recognise(bytes.length);
    const { id } = this;
    return { id, bytes: bytes.length, sealed: Uint32Array.from(this.#sealed), plain: Uint32Array.from(this.#plain) };
  }

  #append(frame: number, pieces: readonly Uint8Array[]): void {
    let sealed = 0;
    for (const piece of pieces) {
      this.#ports.buffer.append(piece);
      sealed += piece.length;
      freeBuffer(piece);
    }
    this.#sealed[frame] = sealed;
  }

  /** The id is random, so it is our own writing whose answer got lost. */
  async #recognise(bytes: number): Promise<void> {
    const { vault, signal } = this.#ports;
    const there = await vault.bucket.info(this.#name, signal);
    if (there?.bytes !== bytes) throw objectDamaged(this.#name, 'it was written a moment ago, with another length');
  }
}
