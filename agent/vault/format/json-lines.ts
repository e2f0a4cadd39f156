/** JSON packed by zstd: one value, or many lines as a stream. */
import { promisify } from 'node:util';
import { constants, createZstdCompress, createZstdDecompress, zstdCompress, zstdDecompress } from 'node:zlib';
import { freeBuffer } from './free-buffer.ts';

/** Longer than a buffer that is a part of Node's pool, so that each can be given back. */
const PIECE_BYTES = 128 * 1024;
const options = { chunkSize: PIECE_BYTES, params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** Text that is handed to zstd at once. */
const BATCH_CHARACTERS = 64 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Packs one value. */
export async function packWhole(value: unknown): Promise<Buffer> {
  return compress(JSON.stringify(value), options);
}

/** The value that was packed; throws when there is none. */
export async function unpackWhole(packed: Uint8Array): Promise<unknown> {
  return JSON.parse((await decompress(packed)).toString('utf8'));
}

/** Packs values, one a line. */
export async function packLines(values: Iterable<unknown>): Promise<{ packed: Buffer; plainBytes: number }> {
  const stream = createZstdCompress(options);
  const packed = stream.toArray();
  let plainBytes = 0;
  for (const text of batches(values)) {
    const plain = Buffer.from(text);
    plainBytes += plain.length;
    if (!stream.write(plain)) await new Promise<void>((resolve) => stream.once('drain', resolve));
  }
  stream.end();
  const pieces = await packed;
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) freeBuffer(piece);
  return { packed: whole, plainBytes };
}

/** The lines that were packed, some at a time. Throws when they are not as long as they were. */
export async function* unpackLines(packed: Uint8Array, plainBytes: number): AsyncGenerator<string[]> {
  const stream = createZstdDecompress({ chunkSize: PIECE_BYTES });
  stream.end(packed);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let [rest, bytes] = ['', 0];
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    freeBuffer(piece);
    rest = lines.pop() ?? '';
    yield lines;
  }
  if (bytes !== plainBytes || rest !== '') throw new Error(`${bytes} bytes in place of ${plainBytes}`);
}

function* batches(values: Iterable<unknown>): Generator<string> {
  let text = '';
  for (const value of values) {
    text += `${JSON.stringify(value)}\n`;
    if (text.length < BATCH_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
}
