/** Packs a folder into a bundle file: the same bytes for the same tree, whoever packs it and when. */
import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { encodeFrameHeader, frameBytes } from '@opencrane/kit/bundle-format.ts';
import { type Digest, fromHex } from '@opencrane/kit/digest.ts';
import { create } from 'tar';

/** What was packed. */
export type PackedBundle = { readonly digest: Digest; readonly bytes: number; readonly entries: number };

/** Told how many bytes of the tree are packed, of how many. */
export type PackProgress = (doneBytes: number) => void;

const compress = promisify(zstdCompress);
/** zstd's default: 119 MB for OpenClaw 2026.9.6; higher levels cost seconds and save a few MB. */
const LEVEL = 3;
/** Every entry has this time. tar counts from 1970 and some tools take 0 for "unset". */
const MODIFIED = new Date('2000-01-01T00:00:00Z');

/** Packs `folder` into `file`, which is on disk when this resolves. */
export async function packBundle(folder: string, file: string, progress: PackProgress): Promise<PackedBundle> {
  const paths = await listSorted(folder);
  // Portable leaves out owners and times of access; modes keep only what running needs.
  const archive = create({ cwd: folder, portable: true, noDirRecurse: true, mtime: MODIFIED }, paths);
  const target = await open(file, 'w', 0o600);
  const hash = createHash('sha256');
  let [written, packed] = [0, 0];
  const write = async (compressed: Buffer) => {
    for (const piece of [encodeFrameHeader(compressed.length), compressed]) {
      hash.update(piece);
      await target.write(piece);
      written += piece.length;
    }
  };
  try {
    const underWay: Promise<Buffer>[] = [];
    for await (const frame of frames(archive)) {
      // The next frames are compressed while the oldest is written, as many as there are cores.
      underWay.push(compress(frame, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }));
      packed += frame.length;
      if (underWay.length > availableParallelism()) await write((await underWay.shift()) ?? Buffer.alloc(0));
      progress(packed);
    }
    for (const compressed of underWay) await write(await compressed);
    await target.sync();
  } finally {
    await target.close();
  }
  return { digest: fromHex(hash.digest('hex')), bytes: written, entries: paths.length };
}

/** Every file, folder and link below a folder, in the order of code units, which no locale changes. */
async function listSorted(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const below = join(folder, '/');
  return entries.map(({ parentPath, name }) => join(parentPath, name).slice(below.length)).sort();
}

async function* frames(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let [pieces, length]: [Uint8Array[], number] = [[], 0];
  for await (const piece of archive) {
    pieces.push(piece);
    length += piece.length;
    while (length >= frameBytes) {
      const whole = Buffer.concat(pieces);
      yield whole.subarray(0, frameBytes);
      const rest = whole.subarray(frameBytes);
      [pieces, length] = [[rest], rest.length];
    }
  }
  if (length > 0) yield Buffer.concat(pieces);
}
