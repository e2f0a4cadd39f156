/**
 * After a restart: the end of the generation before, as far as it is not overwritten yet.
 *
 *          frame  1        K      N        M
 *   before        │ old    │ old  │ old    │        we knew the old generation up to N; it ended at M
 *   after         │ new    │ old  │ old    │        the new one has written K frames, from the first on
 *
 * While K < N everything after N is still there. N+1 … M is all that was missed: a restart happens only when all frames of
 * the old generation are in the database file. What lies behind M without counting makes the answer larger, never smaller.
 */
import type { Position } from './position.ts';
import { type Transaction, TransactionReader } from './transaction-reader.ts';
import { frameHeaderBytes, frameOffset, type Generation } from './wal.ts';
import type { WalFile } from './wal-file.ts';

/** Reads what the generation of `since` still got; undefined when that cannot be told any more. */
export async function readRest(
  wal: WalFile,
  { wal: place, pageBytes }: Position,
  bigEndian: boolean,
): Promise<readonly Transaction[] | undefined> {
  if (!place) return undefined;
  const before: Generation = { ...place, pageBytes, bigEndian };
  const reader = new TransactionReader(before, place);
  const rest = await Array.fromAsync(wal.transactions(reader));
  if (reader.insideTransaction || !endsBetweenFrames(wal, before, reader.next)) return undefined;
  // Looked at last: frames are written in order, so if even N is untouched now, all that was read was.
  return wal.hasLink(before, place) ? rest : undefined;
}

/** The new generation may have cut the file to its size limit, and with it the end of the old one. */
function endsBetweenFrames(wal: WalFile, generation: Generation, frame: number): boolean {
  const [bytes, offset] = [wal.bytes, frameOffset(generation, frame)];
  return bytes === offset || bytes >= offset + frameHeaderBytes;
}
