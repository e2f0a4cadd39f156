/**
 * Reads files whole and in order, out of frames that hold pieces of many files in any order. Small ones are put together in
 * memory, some at a time, so that a frame that they share is fetched once; a large one is put together on the disk. Holes are
 * left out: what comes after one follows what comes before it.
 */
import { readFrames } from '../format/pack-reader.ts';
import type { TargetFile } from '../restore/file-writer.ts';
import { WriteOrder } from '../restore/write-order.ts';
import { contentBytes } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import type { ScratchFile } from './scratch-file.ts';

/** What reading takes. */
export type ReadFilesPorts = {
  readonly vault: Vault;
  readonly tree: TreeIndex;
  /** Makes a file for what is too large for memory. */
  readonly scratch: () => ScratchFile;
  readonly signal: AbortSignal;
};

/** Bytes of files that are put together in memory at once. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** The content of each file, in order. The pieces of one are to be taken before the next is asked for. */
export async function* readFiles(
  ports: ReadFilesPorts,
  files: readonly TargetFile[],
): AsyncGenerator<AsyncIterable<Uint8Array> | Iterable<Uint8Array>> {
  for (const batch of batchesOf(files)) {
    const [first] = batch;
    if (batch.length === 1 && first && contentBytes(first.entry) > BATCH_BYTES) yield readLarge(ports, first);
    else for (const content of await readSmall(ports, batch)) yield [content];
  }
}

function* batchesOf(files: readonly TargetFile[]): Generator<TargetFile[]> {
  let [batch, bytes]: [TargetFile[], number] = [[], 0];
  for (const file of files) {
    if (batch.length > 0 && bytes + contentBytes(file.entry) > BATCH_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(file);
    bytes += contentBytes(file.entry);
  }
  if (batch.length > 0) yield batch;
}

async function readSmall(ports: ReadFilesPorts, files: readonly TargetFile[]): Promise<Buffer[]> {
  const contents = files.map(({ entry }) => Buffer.allocUnsafe(contentBytes(entry)));
  await readPieces(ports, files, (bytes, file, position) => contents[file]?.set(bytes, position));
  return contents;
}

async function* readLarge(ports: ReadFilesPorts, file: TargetFile): AsyncGenerator<Uint8Array> {
  const scratch = ports.scratch();
  try {
    await readPieces(ports, [file], (bytes, _, position) => scratch.write(bytes, position));
    yield* scratch.pieces(contentBytes(file.entry));
  } finally {
    scratch.close();
  }
}

async function readPieces(
  { vault, tree, signal }: ReadFilesPorts,
  files: readonly TargetFile[],
  put: (bytes: Uint8Array, file: number, position: number) => void,
): Promise<void> {
  const order = new WriteOrder(
    tree,
    files.map(({ entry }) => entry),
    'without holes',
  );
  const take = (...[pack, frame, plain]: Parameters<Parameters<typeof readFrames>[2]>) => {
    for (const { file, position, offset, bytes } of order.piecesOf(pack, frame))
      put(plain.subarray(offset, offset + bytes), file, position);
  };
  await readFrames(vault, order.wanted(), take, signal);
}
