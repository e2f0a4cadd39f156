/**
 * The runtime bundle's file format, which the coordinator writes and the agent reads: a tar archive in zstd frames of
 * at most `frameBytes` of tar each. Before every frame stands a skippable frame with the length of the frame, as
 * pzstd writes it, so any zstd reads the file, and both our sides work on several frames at once.
 *
 *   ┌ magic 4 ┬ 4 (u32) ┬ length (u32) ┐┌ zstd frame, `length` bytes ┐ ...        all little-endian
 */
import { OpenCraneError } from './errors.ts';

/** The file that is written last into an unpacked bundle, with its digest: a tree without it is not whole. */
export const bundleMarker = '.opencrane-bundle';

/** Most bytes of tar in one frame. */
export const frameBytes = 4 * 1024 * 1024;

/** Size of what stands before every frame. */
export const frameHeaderBytes = 12;

const skippableMagic = 0x184d2a50;
const lengthBytes = 4;

/** What stands before a frame of `length` compressed bytes. */
export function encodeFrameHeader(length: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32LE(skippableMagic, 0);
  header.writeUInt32LE(lengthBytes, 4);
  header.writeUInt32LE(length, 8);
  return header;
}

/** Reads the length of the frame that follows; throws `data_loss` when these bytes were not written by us. */
export function decodeFrameHeader(header: Buffer): number {
  const known =
    header.length === frameHeaderBytes &&
    header.readUInt32LE(0) === skippableMagic &&
    header.readUInt32LE(4) === lengthBytes;
  const length = known ? header.readUInt32LE(8) : 0;
  // Zstd never makes data much longer than it was; a larger length is garbage, not a frame.
  if (length > 0 && length <= 2 * frameBytes) return length;
  throw new OpenCraneError('data_loss', 'bundle_corrupt', 'reading the bundle: no frame where one must begin');
}
