/**
 * Headers of a tar archive: ustar, and before it a pax header for what ustar cannot say: long names, names that are not ASCII,
 * parts of a second, large files (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header File Format").
 *
 *   0 name 100 │ 100 mode 8 │ 108 uid 8 │ 116 gid 8 │ 124 size 12 │ 136 mtime 12 │ 148 checksum 8 │ 156 type 1
 *   157 link target 100 │ 257 "ustar" 0 "00" │ 265 user name 32 │ 297 group name 32 │ 329 device 16 │ 345 prefix 155 │ 500 …
 *
 * A file with holes is told as GNU tar does in its format 1.0 ("Storing Sparse Files"): its name and length are in the pax
 * header, and its content begins with a list of what lies where.
 */
import type { Entry, FileEntry, FileTime, LinkEntry } from '../tree/entries.ts';
import { contentBytes, isFile } from '../tree/entries.ts';
import type { Extents } from '../tree/extents.ts';
import { pathForSystem } from '../tree/path-text.ts';

/** Everything in an archive begins at a multiple of this. */
const BLOCK_BYTES = 512;
/** What ends an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

const NAME_BYTES = 100;
/** Eleven octal digits. */
const MOST_OCTAL = 8 ** 11 - 1;

const ASCII = /^[\x20-\x7e]*$/;

type Letter = '0' | '1' | '2' | '5' | 'x';

/** The header of another name of what the archive has at `first` already. No content follows. */
export function tarHardLink(path: string, entry: LinkEntry | FileEntry, first: string): Buffer {
  return headerOf('1', path, entry, bytesOf(first), 0);
}

/** The header of an entry. The content of a file follows, without its holes, and `tarPadding`. Owner is 0: whoever unpacks it. */
export function tarHeader(path: string, entry: Entry): Buffer {
  if (isFile(entry) && entry.extents !== undefined) return sparseHeader(path, entry, entry.extents);
  const target = entry.kind === 'link' ? bytesOf(entry.target) : Buffer.alloc(0);
  return headerOf(letterOf(entry), path, entry, target, isFile(entry) ? entry.size : 0);
}

function sparseHeader(path: string, entry: FileEntry, extents: Extents): Buffer {
  const list: number[] = [];
  const flat = extents.flat();
  for (let at = 0; at < flat.length; at += 2) {
    const begin = (flat[at] ?? 0) * entry.chunkBytes;
    list.push(begin, Math.min((flat[at + 1] ?? 0) * entry.chunkBytes, entry.size - begin));
  }
  if (extents.end * entry.chunkBytes < entry.size) list.push(entry.size, 0); // it ends in a hole
  const map = Buffer.from([list.length / 2, ...list].map((number) => `${number}\n`).join(''));
  const padded = Buffer.concat([map, tarPadding(map.length)]);
  const records = [
    paxRecord('GNU.sparse.major', Buffer.from('1')),
    paxRecord('GNU.sparse.minor', Buffer.from('0')),
    paxRecord('GNU.sparse.name', bytesOf(path)),
    paxRecord('GNU.sparse.realsize', Buffer.from(String(entry.size))),
  ];
  // Where it is unpacked by who knows nothing of holes.
  const name = `GNUSparseFile.0/${path.slice(path.lastIndexOf('/') + 1)}`;
  return Buffer.concat([
    headerOf('0', name, entry, Buffer.alloc(0), padded.length + contentBytes(entry), records),
    padded,
  ]);
}

function headerOf(
  letter: Letter,
  path: string,
  entry: Entry,
  target: Buffer,
  size: number,
  more: readonly Buffer[] = [],
): Buffer {
  const name = bytesOf(entry.kind === 'folder' ? `${path === '' ? '.' : path}/` : path);
  const { seconds, nanoseconds } = entry.time;
  const fits = seconds >= 0 && seconds <= MOST_OCTAL;
  const records = [
    ...more,
    ...(needsPax(name) ? [paxRecord('path', name)] : []),
    ...(needsPax(target) ? [paxRecord('linkpath', target)] : []),
    ...(size > MOST_OCTAL ? [paxRecord('size', Buffer.from(String(size)))] : []),
    ...(nanoseconds > 0 || !fits ? [paxRecord('mtime', Buffer.from(decimal(entry.time)))] : []),
  ];
  const mode = entry.kind === 'link' ? 0o777 : entry.mode;
  const header = ustar(letter, name, mode, size, fits ? seconds : 0, target);
  return records.length === 0 ? header : Buffer.concat([paxHeader(records), header]);
}

/** What follows content of this length. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

function letterOf({ kind }: Entry): Letter {
  switch (kind) {
    case 'folder':
      return '5';
    case 'link':
      return '2';
    case 'file':
    case 'database':
      return '0';
  }
}

/** A name that is no UTF-8 can only be told as it is; one in another alphabet is told as what it is. */
function needsPax(name: Buffer): boolean {
  const text = name.toString('utf8');
  return name.length > NAME_BYTES || (!ASCII.test(text) && Buffer.from(text).equals(name));
}

function paxHeader(records: readonly Buffer[]): Buffer {
  const content = Buffer.concat(records);
  const header = ustar('x', Buffer.from('PaxHeader'), 0o644, content.length, 0, Buffer.alloc(0));
  return Buffer.concat([header, content, tarPadding(content.length)]);
}

/** `LENGTH KEY=VALUE` and a line break; the length counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = ` ${key}=`.length + value.length + 1;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

function ustar(letter: Letter, name: Buffer, mode: number, size: number, seconds: number, target: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  name.copy(header, 0, 0, NAME_BYTES);
  writeOctal(header, 100, 7, mode);
  writeOctal(header, 108, 7, 0);
  writeOctal(header, 116, 7, 0);
  writeOctal(header, 124, 11, size > MOST_OCTAL ? 0 : size);
  writeOctal(header, 136, 11, seconds);
  header.write('        ', 148, 'latin1'); // counted as blanks
  header.write(letter, 156, 'latin1');
  target.copy(header, 157, 0, NAME_BYTES);
  header.write('ustar\x0000', 257, 'latin1');
  writeOctal(
    header,
    148,
    6,
    header.reduce((sum, byte) => sum + byte, 0),
  );
  header.write('\0 ', 154, 'latin1');
  return header;
}

function writeOctal(header: Buffer, at: number, digits: number, value: number): void {
  header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
}

/** A time before 1970 counts down from there. */
function decimal({ seconds, nanoseconds }: FileTime): string {
  const isBefore = seconds < 0 && nanoseconds > 0;
  const whole = isBefore ? seconds + 1 : seconds;
  const part = isBefore ? 1e9 - nanoseconds : nanoseconds;
  return `${isBefore && whole === 0 ? '-' : ''}${whole}.${String(part).padStart(9, '0')}`;
}

function bytesOf(path: string): Buffer {
  const bytes = pathForSystem(path);
  return typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
}
