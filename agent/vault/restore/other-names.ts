/** Gives what was restored its other names (hard links). */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';
import { shortText } from '@opencrane/kit/short-text.ts';
import { type SeenFile, seenFile } from '../snapshot/seen-files.ts';
import type { FileEntry, LinkEntry } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { Times } from './times.ts';

/** Another name of something that is there. */
export type OtherName = { readonly path: string; readonly first: string; readonly entry: LinkEntry | FileEntry };

/** What giving names takes. */
export type NamesPorts = {
  /** The folder. */
  readonly root: string;
  readonly times: Times;
  readonly syncEach: boolean;
  /** As `linkSync`. */
  readonly link?: (existing: string | Buffer, name: string | Buffer) => void;
  /** Whether it follows a symbolic link, which POSIX leaves open: macOS does, Linux does not. */
  readonly followsLinks?: boolean;
};

/** A file system without hard links, or with no more of them for this file. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EXDEV',
  'EMLINK',
  'EINVAL',
]);

/** Gives names, in order. Where the file system has no hard links they lead to copies; the note says so. */
export function giveOtherNames(
  names: readonly OtherName[],
  ports: NamesPorts,
  seen: Map<string, SeenFile>,
): string | undefined {
  const { root } = ports;
  let [copies, example, why] = [0, '', ''];
  for (const name of names) {
    const refusal = give(name, ports);
    if (refusal === undefined) continue;
    why = refusal;
    copy(name, ports);
    copies += 1;
    example ||= name.path;
  }
  // A name more is a change of status, which would look as if somebody had written to it.
  for (const { path, first } of names) {
    for (const one of [first, path]) {
      const look = seenFile(lstatSync(pathForSystem(`${root}/${one}`), { bigint: true }), Number.POSITIVE_INFINITY);
      if (look) seen.set(one, look);
    }
  }
  if (copies === 0) return undefined;
  return `${copies} of ${names.length} hard links are copies, ${shortText(example, 80)} among them: the file system makes none (${why})`;
}

/** Gives one name; returns why it cannot be given. */
function give({ path, first, entry }: OtherName, ports: NamesPorts): string | undefined {
  const { root, link = linkSync, followsLinks = process.platform === 'darwin' } = ports;
  // The name would lead to what the link leads to, or to nothing, and then the whole restore would fail.
  if (followsLinks && entry.kind === 'link') return 'of symbolic links';
  try {
    link(pathForSystem(`${root}/${first}`), pathForSystem(`${root}/${path}`));
    return undefined;
  } catch (cause) {
    const code = systemCode(cause);
    if (!REFUSALS.has(code)) throw cause;
    return code;
  }
}

function copy({ path, first, entry }: OtherName, { root, times, syncEach }: NamesPorts): void {
  const [from, to] = [pathForSystem(`${root}/${first}`), pathForSystem(`${root}/${path}`)];
  if (entry.kind === 'link') symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
  else {
    // Not even its owner may read a file that has its mode already, if that says so.
    if ((entry.mode & 0o400) === 0) chmodSync(from, 0o600);
    copyFileSync(from, to);
    if (syncEach) sync(to);
    for (const one of [from, to]) chmodSync(one, entry.mode);
  }
  times.setAt(to, entry.time);
}

function sync(path: string | Buffer): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
