/** Bundles on this machine's disk, each under its digest. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, mkdir, open as openFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { type Digest, digestOfFile, fromHex, hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';

/** Bytes read at once; what the agent plane sends in one message. */
const PIECE_BYTES = 256 * 1024;

/** A blob that is being read. */
export type OpenBlob = { readonly totalBytes: number; readonly chunks: AsyncIterable<Uint8Array> };

/** A folder of blobs. */
export class BlobStore {
  readonly #folder: string;
  /** Which file was read last and found to be what its digest says. */
  readonly #read = new Map<Digest, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a blob is, or would be. */
  path(digest: Digest): string {
    return join(this.#folder, 'sha256', hexOf(digest));
  }

  /**
   * Whether a blob is here, with this many bytes and the content that its digest says. The content is read once after a
   * start, and again when the file is not the one that was read. One that is damaged is removed.
   */
  async isWhole(digest: Digest, bytes: number): Promise<boolean> {
    const path = this.path(digest);
    const found = await statIfThere(path);
    if (found === undefined) return false;
    const stamp = `${found.ino} ${found.size} ${found.mtimeMs}`;
    if (this.#read.get(digest) === stamp) return true;
    if (found.size === bytes && (await digestOfFile(path)) === digest) {
      this.#read.set(digest, stamp);
      return true;
    }
    await this.#remove(digest);
    return false;
  }

  /** Takes a finished file, on the same file system, as a blob. */
  async adopt(file: string, digest: Digest): Promise<void> {
    const path = this.path(digest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(file, path);
    await syncFolder(dirname(path));
  }

  /**
   * Reads a blob on from an offset. Throws `not_found`; at its end `data_loss` when the whole was read and is not what
   * the digest says. Then it is removed.
   */
  async open(digest: Digest, offset: number): Promise<OpenBlob> {
    let file: FileHandle | undefined;
    try {
      file = await openFile(this.path(digest)); // looked at and read as one: it may be removed at any moment
      const { size } = await file.stat();
      if (offset > size) {
        throw new OpenCraneError('invalid_argument', 'offset_past_end', `reading ${digest}: it has ${size} bytes`, {
          field: 'offset',
          mend: 'begin again from 0',
        });
      }
      const chunks: AsyncIterable<Uint8Array> = file.createReadStream({ start: offset, highWaterMark: PIECE_BYTES });
      return { totalBytes: size, chunks: offset === 0 ? this.#checked(digest, chunks) : chunks };
    } catch (cause) {
      await file?.close();
      if (systemCode(cause) !== 'ENOENT') throw cause;
      throw new OpenCraneError('not_found', 'blob_unknown', `reading ${digest}: there is no such blob here`, {
        cause,
        field: 'digest',
        mend: 'build its version again: `opencrane runtime build`',
      });
    }
  }

  async *#checked(digest: Digest, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
    if (fromHex(hash.digest('hex')) === digest) return;
    await this.#remove(digest);
    throw new OpenCraneError('data_loss', 'blob_damaged', `reading ${digest}: it is not what its digest says`, {
      mend: 'build its version again: `opencrane runtime build`',
    });
  }

  async #remove(digest: Digest): Promise<void> {
    this.#read.delete(digest);
    await rm(this.path(digest), { force: true });
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}
