/**
 * The header of SQLite's WAL index, the -shm file: https://sqlite.org/walformat.html#walidxfmt. Pure.
 *
 * It says up to which frame the WAL counts. The WAL's own bytes do not: when a writer is killed after its last frame and
 * before it wrote here, its transaction lies whole in the WAL, but is overwritten by the next one. It is in the machine's
 * byte order, and there twice, so that who reads it while it is written can tell.
 */
import { type Checksum, checksumOf, isPageSize } from './wal.ts';

/** Bytes of the two copies of the header. */
export const walIndexBytes = 96;

const headerBytes = 48;
const checksummedBytes = 40;
const formatVersion = 3007000;
const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** What the index says of the WAL. */
export type WalIndex = {
  readonly salt1: number;
  readonly salt2: number;
  /** The last frame that counts, which ends a transaction; 0: the database file alone is the database. */
  readonly frame: number;
  /** The checksum up to it; without meaning when there is none. */
  readonly checksum: Checksum;
  /** Undefined before the first frame of all. */
  readonly pageBytes: number | undefined;
  /** As Generation has it. */
  readonly bigEndian: boolean;
  /** The database's size after the last transaction; 0 when none is known. */
  readonly pages: number;
};

/** Reads the index; undefined when it is cut short, being written just now, or nobody made it yet. */
export function parseWalIndex(bytes: Uint8Array): WalIndex | undefined {
  if (bytes.length < walIndexBytes) return undefined;
  for (let at = 0; at < headerBytes; at += 1) if (bytes[at] !== bytes[at + headerBytes]) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const word = (at: number) => view.getUint32(at, littleEndian);
  if (word(0) !== formatVersion || view.getUint8(12) !== 1) return undefined;
  const checksum = checksumOf(bytes.subarray(0, checksummedBytes), [0, 0], !littleEndian);
  if (checksum[0] !== word(40) || checksum[1] !== word(44)) return undefined;
  const stored = view.getUint16(14, littleEndian);
  const pageBytes = stored === 1 ? 65536 : stored; // 65536 does not fit its two bytes
  return {
    frame: word(16),
    pages: word(20),
    checksum: [word(24), word(28)],
    salt1: view.getUint32(32), // as they are in the WAL, which is big-endian
    salt2: view.getUint32(36),
    pageBytes: isPageSize(pageBytes) ? pageBytes : undefined,
    bigEndian: view.getUint8(13) !== 0,
  };
}

/** Whether nothing was committed, and the WAL not restarted, from the one to the other. */
export function sameIndex(left: WalIndex, right: WalIndex): boolean {
  return (
    left.salt1 === right.salt1 &&
    left.salt2 === right.salt2 &&
    left.frame === right.frame &&
    left.checksum[0] === right.checksum[0] &&
    left.checksum[1] === right.checksum[1]
  );
}
