/**
 * In which order the content of files is written: frame by frame, since a frame is fetched and unpacked once. Everything is
 * kept in typed arrays; a database of 1 GB has 262,144 pages, each of which may lie in another frame.
 */
import type { WantedFrames } from '../format/pack-reader.ts';
import type { Pack } from '../format/pack-table.ts';
import { chunkLength, type FileEntry, placeOf } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';

/** Content to be written: bytes of a frame, to a place in a file. */
export type Piece = {
  /** Number of the file. */
  readonly file: number;
  readonly position: number;
  /** Where the bytes lie in the frame's plain text. */
  readonly offset: number;
  readonly bytes: number;
  /** How many chunks these are. */
  readonly chunks: number;
};

/** The order for some files of a tree. */
export class WriteOrder {
  readonly #tree: TreeIndex;
  readonly #files: readonly FileEntry[];
  readonly #packNumbers = new Map<Pack, number>();
  /** Number of the first frame of each pack, counted over all packs. */
  readonly #firstFrame: Uint32Array;
  /** Where the chunks of each frame begin in the two arrays below; one more for the end. */
  readonly #begin: Uint32Array;
  readonly #file: Uint32Array;
  readonly #chunk: Uint32Array;
  readonly #holes: 'with holes' | 'without holes';

  /** Without holes, positions are those in a file that has none: what comes after a hole follows what comes before it. */
  constructor(tree: TreeIndex, files: readonly FileEntry[], holes: 'with holes' | 'without holes' = 'with holes') {
    this.#holes = holes;
    const { packs } = tree;
    this.#tree = tree;
    this.#files = files;
    this.#firstFrame = new Uint32Array(packs.count + 1);
    for (let number = 0; number < packs.count; number += 1) {
      const pack = packs.get(number);
      this.#packNumbers.set(pack, number);
      this.#firstFrame[number + 1] = (this.#firstFrame[number] ?? 0) + pack.plain.length;
    }
    this.#begin = this.#countByFrame();
    const chunks = this.#begin.at(-1) ?? 0;
    this.#file = new Uint32Array(chunks);
    this.#chunk = new Uint32Array(chunks);
    this.#sortByFrame();
  }

  /** The frames that hold anything of these files. */
  wanted(): WantedFrames[] {
    const wanted: WantedFrames[] = [];
    for (const [pack, number] of this.#packNumbers) {
      const frames: number[] = [];
      for (let frame = 0; frame < pack.plain.length; frame += 1) {
        const at = (this.#firstFrame[number] ?? 0) + frame;
        if (this.#begin[at] !== this.#begin[at + 1]) frames.push(frame);
      }
      if (frames.length > 0) wanted.push({ pack, frames });
    }
    return wanted;
  }

  /** What to write when a frame is there. Chunks that follow each other in both are one piece. */
  *piecesOf(pack: Pack, frame: number): Generator<Piece> {
    const at = (this.#firstFrame[this.#packNumbers.get(pack) ?? 0] ?? 0) + frame;
    const end = this.#begin[at + 1] ?? 0;
    let piece: Piece | undefined;
    for (let next = this.#begin[at] ?? 0; next < end; next += 1) {
      const more = this.#pieceAt(next);
      if (piece && follows(piece, more)) {
        piece = { ...piece, bytes: piece.bytes + more.bytes, chunks: piece.chunks + 1 };
        continue;
      }
      if (piece) yield piece;
      piece = more;
    }
    if (piece) yield piece;
  }

  #pieceAt(place: number): Piece {
    const file = this.#file[place] ?? 0;
    const chunk = this.#chunk[place] ?? 0;
    const entry = this.#files[file];
    if (!entry) throw new RangeError(`file ${file} of ${this.#files.length}`);
    const position = (this.#holes === 'with holes' ? placeOf(entry, chunk) : chunk) * entry.chunkBytes;
    const bytes = chunkLength(entry, chunk);
    return { file, position, bytes, offset: this.#tree.chunks.offset(entry.chunks[chunk] ?? 0), chunks: 1 };
  }

  /** Counting sort, first pass. */
  #countByFrame(): Uint32Array {
    const begin = new Uint32Array((this.#firstFrame.at(-1) ?? 0) + 1);
    for (const { chunks } of this.#files)
      for (const chunk of chunks) begin[this.#frameOf(chunk) + 1] = (begin[this.#frameOf(chunk) + 1] ?? 0) + 1;
    for (let frame = 1; frame < begin.length; frame += 1) begin[frame] = (begin[frame] ?? 0) + (begin[frame - 1] ?? 0);
    return begin;
  }

  /** Second pass. Files and chunks keep their order within a frame. */
  #sortByFrame(): void {
    const next = this.#begin.slice();
    for (const [file, { chunks }] of this.#files.entries()) {
      for (const [at, chunk] of chunks.entries()) {
        const frame = this.#frameOf(chunk);
        const place = next[frame] ?? 0;
        this.#file[place] = file;
        this.#chunk[place] = at;
        next[frame] = place + 1;
      }
    }
  }

  /** Over all packs. */
  #frameOf(chunk: number): number {
    const { chunks } = this.#tree;
    return (this.#firstFrame[chunks.pack(chunk)] ?? 0) + chunks.frame(chunk);
  }
}

function follows(piece: Piece, next: Piece): boolean {
  return (
    next.file === piece.file &&
    next.position === piece.position + piece.bytes &&
    next.offset === piece.offset + piece.bytes
  );
}
