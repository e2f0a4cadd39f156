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
  const { root, link = linkSync } = ports;
  let [copies, example, code] = [0, '', ''];
  for (const name of names) {
    try {
      link(pathForSystem(`${root}/${name.first}`), pathForSystem(`${root}/${name.path}`));
    } catch (cause) {
      code = systemCode(cause);
      if (!REFUSALS.has(code)) throw cause;
      copy(name, ports);
      copies += 1;
      example ||= name.path;
    }
  }
  // A name more is a change of status, which would look as if somebody had written to it.
  for (const { path, first } of names) {
    for (const one of [first, path]) {
      const look = seenFile(lstatSync(pathForSystem(`${root}/${one}`), { bigint: true }), Number.POSITIVE_INFINITY);
      if (look) seen.set(one, look);
    }
  }
  if (copies === 0) return undefined;
  return `${copies} of ${names.length} hard links are copies, ${shortText(example, 80)} among them: the file system makes none (${code})`;
}

function copy({ path, first, entry }: OtherName, { root, times, syncEach }: NamesPorts): void {
  const [from, to] = [pathForSystem(`${root}/${first}`), pathForSystem(`${root}/${path}`)];
  if (entry.kind === 'link') symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
  else {
    copyFileSync(from, to);
    if (syncEach) sync(to);
    chmodSync(to, entry.mode);
  }
  times.setAt(to, entry.time);
}

function sync(path: string | Buffer): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
