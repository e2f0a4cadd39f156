/** A file without a name: a place on the disk for what is too large for memory, gone with the process. */
import { closeSync, openSync, read, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const readAsync = promisify(read);
const PIECE_BYTES = 256 * 1024;

/** The file. */
export class ScratchFile {
  readonly #descriptor: number;

  /** Makes one in a folder. `name` is one that nothing there has; it is there for a moment. */
  constructor(folder: string, name: string) {
    const path = join(folder, name);
    this.#descriptor = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  write(bytes: Uint8Array, position: number): void {
    for (let written = 0; written < bytes.length; )
      written += writeSync(this.#descriptor, bytes, written, bytes.length - written, position + written);
  }

  /** The first `size` bytes, in pieces. */
  async *pieces(size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size; ) {
      const wanted = Math.min(PIECE_BYTES, size - at);
      const { bytesRead, buffer } = await readAsync(this.#descriptor, Buffer.allocUnsafe(wanted), 0, wanted, at);
      if (bytesRead === 0) throw new Error(`a scratch file ends at ${at} of ${size} bytes`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
