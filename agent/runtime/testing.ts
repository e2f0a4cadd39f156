/** Bundles and doubles for this folder's tests. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { encodeFrameHeader, frameBytes } from '@opencrane/kit/bundle-format.ts';
import { type Digest, digestOf } from '@opencrane/kit/digest.ts';
import { Header, Pax } from 'tar';
import type { StateArchive } from './kept-states.ts';
import type { BundleSource } from './ports.ts';

/** An entry of a bundle under test: any, also such as no packer makes. */
export type TestEntry = {
  readonly path: string;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'FIFO';
  readonly content?: string | Buffer;
  readonly target?: string;
  readonly mode?: number;
};

/** The tar of some entries. */
export function tarOf(entries: readonly TestEntry[]): Buffer {
  const parts = entries.flatMap(({ path, type = 'File', content = '', target = '', mode = 0o644 }) => {
    const body = Buffer.from(content);
    const header = new Header({ path, type, mode, size: body.length, linkpath: target, mtime: new Date(0) });
    const block = Buffer.alloc(512);
    const needPax = header.encode(block);
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
    return [...(needPax ? [new Pax({ path, linkpath: target }).encode()] : []), block, body, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** A bundle of a tar; frames are small so that entries cross their borders. */
export function bundleOf(tar: Buffer, frame = frameBytes): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < tar.length; at += frame) {
    const packed = zstdCompressSync(tar.subarray(at, at + frame));
    frames.push(encodeFrameHeader(packed.length), packed);
  }
  return Buffer.concat(frames);
}

/** A folder that the test removes. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'opencrane-runtime-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What a fake coordinator does in one answer: sends up to `bytes`, then ends or throws. */
export type Answer = { readonly bytes?: number; readonly failure?: Error };

/** A coordinator that has one bundle and follows a script; after it, it answers whole. */
export class FakeBlobs implements BundleSource {
  readonly offsets: number[] = [];
  /** How often it was told that what came was damaged. */
  complaints = 0;
  readonly #blob: Buffer;
  readonly #script: Answer[];

  constructor(blob: Buffer, script: readonly Answer[] = []) {
    this.#blob = blob;
    this.#script = [...script];
  }

  get digest(): Digest {
    return digestOf(this.#blob);
  }

  async damaged() {
    this.complaints += 1;
  }

  async *read(_digest: Digest, offset: number, signal: AbortSignal) {
    this.offsets.push(offset);
    const { bytes = this.#blob.length, failure } = this.#script.shift() ?? {};
    const until = Math.min(offset + bytes, this.#blob.length);
    for (let at = offset; at < until; at += 1000) {
      signal.throwIfAborted();
      yield { data: this.#blob.subarray(at, Math.min(at + 1000, until)), totalBytes: this.#blob.length };
    }
    if (failure) throw failure;
  }
}

/** Changes one byte of a file. */
export function flipByte(path: string, at: number): void {
  const [byte = 0] = readFileSync(path).subarray(at, at + 1);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from([byte ^ 0xff]), 0, 1, at);
  closeSync(file);
}

/** Writes files of a tree. */
export function writeTree(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

/** Keeps states as folders, where a tenant's vault keeps them as snapshots. */
export class FolderArchive implements StateArchive {
  readonly folder: string;
  readonly #state: string;
  #count = 0;

  constructor(folder: string, state: string) {
    this.folder = folder;
    this.#state = state;
  }

  async store(): Promise<string> {
    this.#count += 1;
    await cp(this.#state, this.path(`${this.#count}`), { recursive: true, verbatimSymlinks: true });
    return `${this.#count}`;
  }

  async bring(stored: string, target: string, path = ''): Promise<void> {
    await cp(join(this.path(stored), path), `${target}.partial`, { recursive: true, verbatimSymlinks: true });
    await rename(`${target}.partial`, target);
  }

  /** Where a stored state is. */
  path(stored: string): string {
    return join(this.folder, stored);
  }
}
