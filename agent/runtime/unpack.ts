/**
 * Unpacks a bundle into a folder. Nothing in a bundle is trusted: an entry that would leave the folder, a link that
 * points out of it, a device, or more than any OpenClaw has, ends it.
 *
 * Files are written synchronously: 38,700 small ones take a third of the time that way, and this runs in a process of
 * its own (unpack-main.ts).
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { decodeFrameHeader, frameBytes, frameHeaderBytes } from '@opencrane/kit/bundle-format.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { Parser, type ReadEntry } from 'tar';

const decompress = promisify(zstdDecompress);

/** Far past OpenClaw 2026.9.6 (41,000 entries, 571 MB), far below what fills a disk. */
export const limits = { entries: 200_000, bytes: 4 * 1024 ** 3 };

/** Unpacks `bundle` into `folder`, which must be empty. Throws `bundle_corrupt` or `bundle_hostile`. */
export async function unpack(
  bundle: string,
  folder: string,
  progress: (doneBytes: number) => void,
  within = limits,
): Promise<void> {
  const extractor = new Extractor(folder, within);
  const parser = new Parser({ strict: true, onReadEntry: (entry) => extractor.take(entry) });
  const failed = new Promise<never>((_resolve, reject) =>
    parser.on('error', (cause) => reject(corrupt(messageOf(cause), cause))),
  );
  failed.catch(() => {}); // raced below
  for await (const frame of frames(bundle)) {
    parser.write(frame);
    await Promise.race([failed, Promise.resolve()]);
    extractor.throwIfHostile();
    progress(frame.length);
  }
  const ended = new Promise<void>((resolve) => parser.on('end', () => resolve()));
  parser.end();
  await Promise.race([ended, failed]);
  extractor.throwIfHostile();
}

/** The archive's bytes, a frame at a time; as many are decompressed ahead as there are cores. */
async function* frames(bundle: string): AsyncGenerator<Buffer> {
  const file = await open(bundle, 'r');
  try {
    const { size } = await file.stat();
    const underWay: Promise<Buffer>[] = [];
    for (let at = 0; at < size; ) {
      const header = await read(file, at, frameHeaderBytes);
      const length = decodeFrameHeader(header);
      const compressed = await read(file, at + frameHeaderBytes, length);
      at += frameHeaderBytes + length;
      const frame = decompress(compressed, { maxOutputLength: frameBytes }).catch((cause) => {
        throw corrupt(messageOf(cause), cause);
      });
      frame.catch(() => {}); // awaited in its turn
      underWay.push(frame);
      if (underWay.length > availableParallelism()) yield (await underWay.shift()) ?? Buffer.alloc(0);
    }
    for (const frame of underWay) yield await frame;
  } finally {
    await file.close();
  }
}

async function read(file: Awaited<ReturnType<typeof open>>, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead === length) return buffer;
  throw corrupt('it ends in the middle');
}

class Extractor {
  readonly #folder: string;
  readonly #within: typeof limits;
  readonly #folders = new Set<string>();
  #entries = 0;
  #bytes = 0;
  #hostile: OpenCraneError | undefined;

  constructor(folder: string, within: typeof limits) {
    this.#folder = folder;
    this.#within = within;
  }

  throwIfHostile(): void {
    if (this.#hostile !== undefined) throw this.#hostile;
  }

  take(entry: ReadEntry): void {
    try {
      this.throwIfHostile();
      this.#count(entry);
      this.#write(entry, this.#target(entry.path));
    } catch (cause) {
      this.#hostile ??= cause instanceof OpenCraneError ? cause : corrupt(`${entry.path}: ${messageOf(cause)}`, cause);
      entry.resume();
    }
  }

  #count({ size }: ReadEntry): void {
    this.#entries += 1;
    this.#bytes += size;
    if (this.#entries > this.#within.entries) throw hostile(`more than ${this.#within.entries} entries`);
    if (this.#bytes > this.#within.bytes) throw hostile(`more than ${this.#within.bytes} bytes`);
  }

  #target(path: string): string {
    if (isAbsolute(path) || path.includes('\0') || path.split(/[\\/]/).includes('..'))
      throw hostile(`the path ${JSON.stringify(path)}`);
    return join(this.#folder, path);
  }

  #write(entry: ReadEntry, path: string): void {
    switch (entry.type) {
      case 'Directory':
        this.#makeFolder(path);
        entry.resume();
        return;
      case 'File':
      case 'OldFile':
        this.#makeFolder(dirname(path));
        this.#writeFile(entry, path);
        return;
      case 'SymbolicLink':
        this.#makeFolder(dirname(path));
        this.#link(entry, path);
        return;
      default:
        throw hostile(`${entry.path}, which is a ${entry.type}`);
    }
  }

  #writeFile(entry: ReadEntry, path: string): void {
    const pieces: Uint8Array[] = [];
    entry.on('data', (piece) => pieces.push(piece));
    entry.on('end', () => {
      try {
        // Only what running needs: owner may read (and execute), nobody may write. `wx`: nothing is written through a link.
        writeFileSync(path, Buffer.concat(pieces), { flag: 'wx', mode: (entry.mode ?? 0) & 0o100 ? 0o555 : 0o444 });
      } catch (cause) {
        this.#hostile ??= corrupt(`${entry.path}: ${messageOf(cause)}`, cause);
      }
    });
  }

  #link(entry: ReadEntry, path: string): void {
    const target = entry.linkpath ?? '';
    const out = relative(this.#folder, normalize(join(dirname(path), target)));
    if (isAbsolute(target) || out.startsWith('..')) throw hostile(`the link ${entry.path} → ${target}`);
    symlinkSync(target, path);
    entry.resume();
  }

  #makeFolder(path: string): void {
    if (this.#folders.has(path)) return;
    mkdirSync(path, { recursive: true });
    this.#folders.add(path);
  }
}

function corrupt(what: string, cause?: unknown): OpenCraneError {
  const code = /ENOSPC/.test(what) ? 'resource_exhausted' : 'data_loss';
  const reason = code === 'data_loss' ? 'bundle_corrupt' : 'disk_full';
  return new OpenCraneError(code, reason, `unpacking the bundle: ${what}`, { cause });
}

function hostile(what: string): OpenCraneError {
  return new OpenCraneError('data_loss', 'bundle_hostile', `unpacking the bundle: it holds ${what}`, {
    mend: 'do not use this bundle; find out who built it',
  });
}
