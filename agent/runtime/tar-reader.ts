/**
 * Reads the few kinds of tar entries that a bundle holds, from pieces of any size, and refuses every other kind.
 *
 *   header ──▶ body of the entry ──▶ padding to 512 ──▶ header ──▶ ... ──▶ two empty blocks
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Header, Pax } from 'tar';

/** An entry, before its content. */
export type TarEntry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly size: number }
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

/** Takes what is read, in order. A file's `content` calls add up to its size, then `end` is called. */
export interface TarSink {
  entry(entry: TarEntry): void;
  content(piece: Buffer): void;
  end(): void;
}

const BLOCK = 512;
/** A PAX header holds a path and little more. */
const MOST_PAX_BYTES = 64 * 1024;

type Body = { readonly kind: 'file' } | { readonly kind: 'pax'; readonly pieces: Buffer[] };

/** The reader. */
export class TarReader {
  readonly #sink: TarSink;
  /** Start of a header that has not come whole yet. */
  #partial: Buffer = Buffer.alloc(0);
  #body: Body | undefined;
  #left = 0;
  #padding = 0;
  #pax: Pax | undefined;
  #emptyBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. */
  push(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) at += this.#take(piece.subarray(at));
  }

  /** Throws when the archive ended in the middle of something. */
  finish(): void {
    if (this.#emptyBlocks < 2 || this.#partial.length > 0) throw refused('it ends in the middle of an entry');
  }

  /** Uses up some bytes and returns how many. */
  #take(bytes: Buffer): number {
    if (this.#body !== undefined) return this.#takeBody(this.#body, bytes);
    if (this.#padding > 0) {
      const skipped = Math.min(this.#padding, bytes.length);
      this.#padding -= skipped;
      return skipped;
    }
    return this.#takeHeader(bytes);
  }

  #takeHeader(bytes: Buffer): number {
    if (this.#partial.length === 0 && bytes.length >= BLOCK) {
      this.#onHeader(bytes.subarray(0, BLOCK));
      return BLOCK;
    }
    const taken = Math.min(BLOCK - this.#partial.length, bytes.length);
    this.#partial = Buffer.concat([this.#partial, bytes.subarray(0, taken)]);
    if (this.#partial.length === BLOCK) {
      const block = this.#partial;
      this.#partial = Buffer.alloc(0);
      this.#onHeader(block);
    }
    return taken;
  }

  #onHeader(block: Buffer): void {
    const header = new Header(block, 0);
    if (header.nullBlock) {
      this.#emptyBlocks += 1;
      return;
    }
    if (this.#emptyBlocks > 0) throw refused('something follows its end');
    if (!header.cksumValid) throw refused('the checksum of an entry is wrong');
    if (header.type === 'ExtendedHeader') {
      if (this.#pax !== undefined || (header.size ?? 0) > MOST_PAX_BYTES)
        throw refused('an entry has a header too many');
      this.#begin({ kind: 'pax', pieces: [] }, header.size ?? 0);
      return;
    }
    const entry = entryOf(header, this.#pax);
    this.#pax = undefined;
    this.#sink.entry(entry);
    if (entry.type === 'file') this.#begin({ kind: 'file' }, entry.size);
  }

  #begin(body: Body, size: number): void {
    this.#body = body;
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#onBodyEnd(body);
  }

  #takeBody(body: Body, bytes: Buffer): number {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    if (body.kind === 'file') this.#sink.content(piece);
    else body.pieces.push(piece);
    if (this.#left === 0) this.#onBodyEnd(body);
    return piece.length;
  }

  #onBodyEnd(body: Body): void {
    this.#body = undefined;
    if (body.kind === 'file') this.#sink.end();
    else this.#pax = Pax.parse(Buffer.concat(body.pieces).toString('utf8'));
  }
}

/** Only paths are taken from a PAX header, which has them when they are too long for the plain one. */
function entryOf(header: Header, pax: Pax | undefined): TarEntry {
  const { mode = 0o644, size = 0, type } = header;
  const path = pax?.path ?? header.path ?? '';
  const target = pax?.linkpath ?? header.linkpath ?? '';
  if (type === 'File' || type === 'OldFile') {
    if (!Number.isSafeInteger(size) || size < 0) throw refused(`${path} has no size`);
    return { type: 'file', path, mode, size };
  }
  if (type === 'Directory') return { type: 'folder', path };
  if (type === 'SymbolicLink') return { type: 'link', path, target };
  throw refused(`${path} is a ${type}, which no bundle holds`);
}

/** The error for an archive that we did not make, or that would reach outside its folder. */
export function refused(why: string): OpenCraneError {
  return new OpenCraneError('data_loss', 'bundle_refused', `unpacking the bundle: ${why}`, {
    mend: 'have the coordinator build it again; nothing of it was run',
  });
}
