/**
 * What the offline program says, a line of JSON at a time:
 *
 *   {"progress": Progress}…     then, last, {"result": …} or {"error": {code, reason, message, field, mend}}
 *
 * On standard output, or on descriptor 3 when that is taken by an archive.
 */
import { createWriteStream, fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { JsonValue } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** One line. */
type Word =
  | { readonly progress: JsonValue }
  | { readonly result: JsonValue }
  | { readonly error: Pick<OpenCraneError, 'code' | 'reason' | 'message' | 'field' | 'mend'> };

/** Says words. They come in order, and are written before the process ends by itself. */
export type Say = (word: Word) => void;

const ASIDE = 3;

/** Where words go. `archive`: standard output is not free. */
export function wordsTo(archive: boolean): Say {
  const stream: Writable = archive ? aside() : process.stdout;
  stream.on('error', () => {}); // whoever listened is gone; what was begun is ended all the same
  return (word) => void stream.write(`${JSON.stringify(word)}\n`);
}

function aside(): Writable {
  if (isOpen(ASIDE)) return createWriteStream('', { fd: ASIDE });
  throw new OpenCraneError(
    'invalid_argument',
    'usage',
    'the archive takes standard output, and descriptor 3 is not open',
    {
      field: '--output',
      mend: 'open it, as in `3>words`, or write the archive to a file',
    },
  );
}

/** Node has descriptors of its own; those are of no kind that anybody could read. */
function isOpen(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor);
    return stats.isFIFO() || stats.isSocket() || stats.isFile() || stats.isCharacterDevice();
  } catch {
    return false;
  }
}
