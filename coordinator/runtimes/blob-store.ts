/** Bundles on this machine's disk, each under its digest. */
import { createReadStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { type Digest, hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { BlobSource } from '../agents/ports.ts';

/** Bytes read at once; what the agent plane sends in one message. */
const PIECE_BYTES = 256 * 1024;

/** A folder of blobs. */
export class BlobStore implements BlobSource {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a blob is, or would be. */
  path(digest: Digest): string {
    return join(this.#folder, 'sha256', hexOf(digest));
  }

  /** Whether a blob is here with this many bytes. Its content is checked by whoever reads it, against the digest. */
  async has(digest: Digest, bytes: number): Promise<boolean> {
    const found = await stat(this.path(digest)).catch(() => undefined);
    return found?.size === bytes;
  }

  /** Takes a finished file, on the same file system, as a blob. */
  async adopt(file: string, digest: Digest): Promise<void> {
    const path = this.path(digest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(file, path);
    await syncFolder(dirname(path));
  }

  async open(digest: Digest, offset: number) {
    const path = this.path(digest);
    try {
      const { size } = await stat(path);
      if (offset > size) {
        throw new OpenCraneError('invalid_argument', 'offset_past_end', `reading ${digest}: it has ${size} bytes`, {
          field: 'offset',
          mend: 'begin again from 0',
        });
      }
      const chunks: AsyncIterable<Uint8Array> = createReadStream(path, { start: offset, highWaterMark: PIECE_BYTES });
      return { totalBytes: size, chunks };
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') throw cause;
      throw new OpenCraneError('not_found', 'blob_unknown', `reading ${digest}: there is no such blob here`, {
        cause,
        field: 'digest',
        mend: 'the coordinator builds it again when a tenant wants its version: `opencrane runtime build`',
      });
    }
  }
}
