/** The tar inside a bundle file: its frames are decompressed some ahead of the reader, and come in order. */
import { type FileHandle, open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { decodeFrameHeader, frameBytes, frameHeaderBytes } from '@opencrane/kit/bundle-format.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';

/** A piece of the tar, and how far into the file its frame reaches. */
export type TarPiece = { readonly bytes: Buffer; readonly fileBytes: number };

const decompress = promisify(zstdDecompress);

/** Reads the tar of a bundle. Throws `data_loss` (`bundle_corrupt`) for a file that is not one. */
export async function* readTar(path: string): AsyncGenerator<TarPiece> {
  const file = await open(path, 'r');
  const underWay: Promise<TarPiece>[] = [];
  try {
    for (let at = 0; ; ) {
      const frame = await readFrame(file, at);
      if (frame === undefined) break;
      at += frameHeaderBytes + frame.length;
      underWay.push(inflate(frame, at));
      // One who stops reading leaves these behind; their failure is nobody's then.
      underWay.at(-1)?.catch(() => {});
      const oldest = underWay.length > availableParallelism() ? underWay.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (const piece of underWay) yield await piece;
  } finally {
    await file.close();
  }
}

async function readFrame(file: FileHandle, at: number): Promise<Buffer | undefined> {
  const header = await readExactly(file, at, frameHeaderBytes);
  if (header.length === 0) return undefined;
  const length = decodeFrameHeader(header);
  const frame = await readExactly(file, at + frameHeaderBytes, length);
  if (frame.length < length) throw corrupt('it ends in the middle of a frame');
  return frame;
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function inflate(frame: Buffer, fileBytes: number): Promise<TarPiece> {
  try {
    // The bound makes a frame that would unfold to gigabytes fail here.
    return { bytes: await decompress(frame, { maxOutputLength: frameBytes }), fileBytes };
  } catch (cause) {
    throw corrupt(messageOf(cause));
  }
}

function corrupt(why: string): OpenCraneError {
  return new OpenCraneError('data_loss', 'bundle_corrupt', `reading the bundle: ${why}`, {
    mend: 'it is fetched again; if it stays so, have the coordinator build it again',
  });
}
