/**
 * Frames by zstd (RFC 8878). What does not shrink is kept as it is: such a frame is as long packed as plain.
 *
 * They go through a few long-lived streams, one zstd frame for each frame of ours. Node's `zstdCompress` and its counterpart
 * make a context of some megabytes each time, which stays until the collector comes: with 2 GB a sixth of the time went there.
 */
import { constants, createZstdCompress, createZstdDecompress, type ZstdCompress, type ZstdDecompress } from 'node:zlib';
import { messageOf } from '@opencrane/kit/errors.ts';
import { freeBuffer } from './free-buffer.ts';

/** Measured on a database of chat text: level 3 packs to 49 % at 0.28 GB/s of a core, level 1 to 56 % at 0.46. */
const LEVEL = 3;
/** 2^19 bytes are a frame; nothing farther back is ever looked at. */
const WINDOW_LOG = 19;
/** Output of some frames shares a buffer. */
const OUTPUT_BYTES = 1024 * 1024;
/** A stream that thinks it is full would stop in the middle of a frame. */
const NEVER_FULL = { readableHighWaterMark: 16 * 1024 * 1024, writableHighWaterMark: 16 * 1024 * 1024 };

/** Packs frames, on threads of the pool: as many at once as there are calls. */
export class Compressor {
  readonly #lanes = new Lanes(() =>
    createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
      chunkSize: OUTPUT_BYTES,
      flush: constants.ZSTD_e_end, // every write is a frame
      ...NEVER_FULL,
    }),
  );

  /** Packs a frame and gives it to `use`, which keeps nothing of it. It may be the plain bytes themselves. */
  compress<T>(plain: Uint8Array, use: (packed: Uint8Array) => Promise<T> | T): Promise<T> {
    return this.#lanes.run(plain, (packed) => use(packed.length < plain.length ? packed : plain));
  }

  /** Frees what it holds; no call is under way. */
  close(): void {
    this.#lanes.close();
  }
}

/** Unpacks frames, likewise. */
export class Decompressor {
  readonly #lanes = new Lanes(() => createZstdDecompress({ chunkSize: OUTPUT_BYTES, ...NEVER_FULL }));

  /** Unpacks a frame of known length and gives it to `use`, which keeps nothing of it. Throws `NotPacked` when it is none. */
  async decompress<T>(packed: Uint8Array, plainBytes: number, use: (plain: Uint8Array) => Promise<T> | T): Promise<T> {
    if (packed.length === plainBytes) return use(packed);
    return this.#lanes.run(packed, (plain) => {
      if (plain.length !== plainBytes) throw new NotPacked(`${plain.length} bytes in place of ${plainBytes}`);
      return use(plain);
    });
  }

  /** Frees what it holds; no call is under way. */
  close(): void {
    this.#lanes.close();
  }
}

/** What should have been unpacked is no frame, or not the one that was meant. */
export class NotPacked extends Error {
  override readonly name = 'NotPacked';
}

/** Streams of one kind, each with a MB and more: the pool has no more threads, so more frames at once would only wait in memory. */
const MOST_LANES = 4;

type Lane = { readonly stream: ZstdCompress | ZstdDecompress; output: Uint8Array };

class Lanes {
  readonly #newStream: () => Lane['stream'];
  readonly #idle: Lane[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(newStream: () => Lane['stream']) {
    this.#newStream = newStream;
  }

  /** In turn. A lane on which something went wrong is not used again. */
  async run<T>(input: Uint8Array, use: (output: Uint8Array) => Promise<T> | T): Promise<T> {
    if (this.#busy < MOST_LANES) this.#busy += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const lane = this.#idle.pop() ?? { stream: this.#newStream(), output: new Uint8Array() };
      const used = await use(await through(lane, input));
      this.#idle.push(lane);
      return used;
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy -= 1;
    }
  }

  close(): void {
    for (const { stream } of this.#idle.splice(0)) stream.destroy();
  }
}

async function through(lane: Lane, input: Uint8Array): Promise<Uint8Array> {
  const { stream } = lane;
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown) => reject(new NotPacked(messageOf(cause), { cause }));
    stream.once('error', fail);
    stream.write(input, (error) => {
      stream.off('error', fail);
      if (error) fail(error);
      else resolve();
    });
  });
  const output: Buffer | null = stream.read();
  if (!output) throw new NotPacked('it ends in the middle of a frame');
  // The stream fills one buffer to its end and takes another; then what was in the first is used up. (Output that lies in
  // both is a copy. Only one write is under way, so output that lies in one buffer never is.)
  if (output.buffer !== lane.output.buffer) freeBuffer(lane.output);
  lane.output = new Uint8Array(output.buffer);
  return output;
}
