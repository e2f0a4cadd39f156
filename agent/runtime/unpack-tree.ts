/**
 * Writes a bundle's tree. Synchronous on purpose: it is 38,700 small files, a promise for each costs more than the write,
 * and this runs in a process of its own.
 */
import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { readTar } from './bundle-frames.ts';
import { checkedPath, checkedTarget, parentOf } from './bundle-paths.ts';
import { refused, type TarEntry, TarReader, type TarSink } from './tar-reader.ts';

/** Bounds of what a bundle may unfold to. OpenClaw 2026.9.6 has 41,000 entries and 571 MB. */
export type UnpackLimits = { readonly entries: number; readonly bytes: number };

/** The bounds in use. */
export const unpackLimits: UnpackLimits = { entries: 400_000, bytes: 8 * 1024 ** 3 };

/** Unpacks a bundle into a folder that does not exist yet. What is there after an error is to be removed. */
export async function unpackTree(
  bundle: string,
  folder: string,
  limits: UnpackLimits,
  progress: (fileBytes: number) => void,
): Promise<void> {
  const writer = new TreeWriter(folder, limits);
  const reader = new TarReader(writer);
  try {
    for await (const { bytes, fileBytes } of readTar(bundle)) {
      reader.push(bytes);
      progress(fileBytes);
    }
    reader.finish();
  } finally {
    writer.close();
  }
}

/**
 * Writes entries. What it writes through it has made itself as a folder, and every name is new, so no link of the
 * bundle is ever followed.
 */
class TreeWriter implements TarSink {
  readonly #folder: string;
  readonly #limits: UnpackLimits;
  readonly #folders = new Set<string>();
  #entries = 0;
  #bytes = 0;
  #file: number | undefined;

  constructor(folder: string, limits: UnpackLimits) {
    this.#folder = folder;
    this.#limits = limits;
    mkdirSync(folder, { mode: 0o755 });
    this.#folders.add('');
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) throw refused(`it has more than ${this.#limits.entries} entries`);
    const path = checkedPath(entry.path);
    if (entry.type === 'folder') {
      this.#makeFolder(path);
      return;
    }
    this.#makeFolder(parentOf(path));
    const target = join(this.#folder, path);
    if (entry.type === 'link') {
      symlinkSync(checkedTarget(path, entry.target), target);
      return;
    }
    this.#bytes += entry.size;
    if (this.#bytes > this.#limits.bytes) throw refused(`it unfolds to more than ${this.#limits.bytes} bytes`);
    // Only whether it may be run is taken from the bundle: no set-user-id, nothing that others may write.
    this.#file = openSync(target, 'wx', entry.mode & 0o100 ? 0o755 : 0o644);
  }

  content(piece: Buffer): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < piece.length; ) at += writeSync(this.#file, piece, at);
  }

  end(): void {
    this.close();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #makeFolder(path: string): void {
    if (this.#folders.has(path)) return;
    this.#makeFolder(parentOf(path));
    mkdirSync(join(this.#folder, path), { mode: 0o755 });
    this.#folders.add(path);
  }
}
