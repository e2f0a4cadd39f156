/** One look at everything below a folder: what is there, and what does not look as it was seen last. */
import { closeSync, constants, lstatSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Entry, FolderEntry } from '../tree/entries.ts';
import { pathForSystem, textOfBytes } from '../tree/path-text.ts';
import type { Breather } from './breather.ts';
import { type ForeignMounts, whyForeign } from './foreign-mounts.ts';
import { LARGE_BYTES } from './large-files.ts';
import { databaseBeside, isLeftOut } from './left-out.ts';
import { timeOf } from './seen-files.ts';
import { isGone, type Unread, whyUnread } from './unread.ts';

/** What a scan asks about what it finds. */
export type ScanPorts = {
  /** The folder. */
  readonly root: string;
  readonly breather: Breather;
  /** File systems below it that are not touched. */
  readonly foreign: ForeignMounts;
  /** Whether a file or link looks as it was seen last. */
  isSeen(path: string, stats: Stats): boolean;
  /** What was at this path in the snapshot before. */
  kindBefore(path: string): Entry['kind'] | undefined;
  /**
   * Folders in which something changed; what is in others is as it was. A folder that is new is looked at with all that is in
   * it. Undefined: everything may have changed.
   */
  readonly within: Iterable<string> | undefined;
  /** Folders that have to be looked into as well, going by what was found (several-names.ts). Asked until there are none. */
  also(found: Scan): Iterable<string>;
};

/** What was found. Paths are relative to the root, which is the empty path. */
export type Scan = {
  /** Folders whose names were read. */
  readonly entered: Set<string>;
  /** Everything in those that belongs in the tree. */
  readonly present: Set<string>;
  readonly folders: Map<string, FolderEntry>;
  /** Files and links that do not look as they were seen. */
  readonly changed: string[];
  /** Of those, files that take long to read. */
  readonly large: Set<string>;
  readonly links: Set<string>;
  readonly databases: string[];
  /** Files and links that have several names, by inode; a file that has only one within the state is among them. */
  readonly manyNamed: Map<number, string[]>;
  /** What cannot be read; of folders, everything below too. */
  readonly unread: Unread[];
};

const MAGIC = 'SQLite format 3\0';
/** The smallest page; a database is made of whole pages. */
const SMALLEST_PAGE_BYTES = 512;
/** For files. A pipe that took a file's place would keep us waiting, a link would lead elsewhere. */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Scans. Throws when the folder itself is not there: a state that is gone is no empty state. */
export async function scan(ports: ScanPorts, signal: AbortSignal): Promise<Scan> {
  const { root } = ports;
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OpenCraneError('failed_precondition', 'state_missing', `${root} is no folder`, {
      field: root,
      mend: 'nothing was stored; restore the state from the vault, or start OpenClaw once so that it makes it',
    });
  }
  const found: Scan = {
    entered: new Set(),
    present: new Set(),
    folders: new Map(),
    changed: [],
    large: new Set(),
    links: new Set(),
    databases: [],
    manyNamed: new Map(),
    unread: [],
  };
  const waiting: string[] = [];
  let more = [...(ports.within ?? [''])];
  while (more.length > 0) {
    for (const folder of more) enter(ports, nearestKnown(ports, folder), found, waiting);
    await lookInto(ports, waiting, found, signal);
    more = ports.within === undefined ? [] : [...ports.also(found)];
  }
  return found;
}

/** Looks into folders, and those that are found in them, until none waits. */
async function lookInto(ports: ScanPorts, waiting: string[], found: Scan, signal: AbortSignal): Promise<void> {
  const { breather } = ports;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const name of namesIn(ports, folder, found)) {
      if (breather.isDue) await breather.breathe(signal);
      look(ports, pathIn(folder, name), found, waiting);
    }
  }
}

/** The folder itself, or the nearest above it that is a folder and was one: whatever is new below is found from there. */
function nearestKnown({ root, kindBefore, foreign }: ScanPorts, folder: string): string {
  const parts = folder === '' ? [] : folder.split('/');
  let nearest = '';
  for (const part of parts) {
    const next = pathIn(nearest, part);
    if (foreign.has(next) || kindBefore(next) !== 'folder' || !isFolder(root, next)) break;
    nearest = next;
  }
  return nearest;
}

function pathIn(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function look(ports: ScanPorts, path: string, found: Scan, waiting: string[]): void {
  if (isLeftOut(path)) return;
  const type = ports.foreign.get(path);
  if (type !== undefined) {
    found.unread.push({ path, why: whyForeign(type) });
    return;
  }
  const stats = statsOf(ports.root, path, found);
  if (!stats) return;
  if (stats.isDirectory()) {
    if (ports.within === undefined || ports.kindBefore(path) !== 'folder') enter(ports, path, found, waiting);
    else take(ports, path, found);
  } else if (stats.isFile()) lookAtFile(ports, path, stats, found);
  else if (stats.isSymbolicLink()) {
    found.present.add(path);
    found.links.add(path);
    noteNames(path, stats, found);
    if (!ports.isSeen(path, stats)) found.changed.push(path);
  }
  // Sockets, pipes and devices mean nothing without the process that made them.
}

function enter(ports: ScanPorts, path: string, found: Scan, waiting: string[]): void {
  if (found.entered.has(path) || !take(ports, path, found)) return;
  found.entered.add(path);
  waiting.push(path);
}

/** A folder is taken as it is now, so that whatever is found in it has one. False when it is none any more, or not to be seen. */
function take({ root }: ScanPorts, path: string, found: Scan): boolean {
  const folder = reading(path, found, () => folderAt(root, path));
  if (!folder) return false;
  found.present.add(path);
  found.folders.set(path, folder);
  return true;
}

/** The folder at a path; undefined when there is none. */
function folderAt(root: string, path: string): FolderEntry | undefined {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const stats = path === '' ? statSync(root, options) : lstatSync(pathForSystem(`${root}/${path}`), options);
  if (!stats?.isDirectory()) return undefined;
  return { kind: 'folder', mode: Number(stats.mode) & 0o7777, time: timeOf(stats) };
}

/** One that cannot be looked at is found by looking into the folder above, which says so. */
function isFolder(root: string, path: string): boolean {
  try {
    return folderAt(root, path) !== undefined;
  } catch {
    return false;
  }
}

function lookAtFile(ports: ScanPorts, path: string, stats: Stats, found: Scan): void {
  const beside = databaseBeside(path);
  // Names come in order, so a database comes before what is beside it.
  if (beside !== undefined && found.databases.includes(beside)) return;
  found.present.add(path);
  noteNames(path, stats, found);
  if (ports.kindBefore(path) === 'database') found.databases.push(path);
  else if (ports.isSeen(path, stats)) return;
  else if (stats.size % SMALLEST_PAGE_BYTES === 0 && stats.size > 0 && beginsAsDatabase(ports.root, path))
    found.databases.push(path);
  else {
    found.changed.push(path);
    if (stats.size > LARGE_BYTES) found.large.add(path);
  }
}

function noteNames(path: string, { nlink, ino }: Stats, { manyNamed }: Scan): void {
  if (nlink < 2) return;
  const known = manyNamed.get(ino);
  if (known) known.push(path);
  else manyNamed.set(ino, [path]);
}

/** Names in a folder, in order. One that is gone meanwhile has none. */
function namesIn({ root }: ScanPorts, folder: string, found: Scan): string[] {
  const full = pathForSystem(folder === '' ? root : `${root}/${folder}`);
  const names = reading(folder, found, () => {
    const texts = readdirSync(full);
    // Node puts this mark in the place of what is no UTF-8.
    if (!texts.some((name) => name.includes('\ufffd'))) return texts;
    return readdirSync(full, { encoding: 'buffer' }).map(textOfBytes);
  });
  return names?.sort() ?? [];
}

function statsOf(root: string, path: string, found: Scan): Stats | undefined {
  return reading(path, found, () => lstatSync(pathForSystem(`${root}/${path}`), { throwIfNoEntry: false }));
}

/** What `look` says of a path; undefined when it is gone, or cannot be read, which is noted. Of the root itself that is thrown. */
function reading<T>(path: string, found: Scan, look: () => T): T | undefined {
  try {
    return look();
  } catch (cause) {
    if (isGone(cause)) return undefined;
    const why = whyUnread(cause);
    if (why === undefined || path === '') throw cause;
    found.unread.push({ path, why });
    return undefined;
  }
}

/** One that cannot be read now is read later, which says so. */
function beginsAsDatabase(root: string, path: string): boolean {
  let file: number | undefined;
  try {
    file = openSync(pathForSystem(`${root}/${path}`), READ_FLAGS);
    const start = Buffer.alloc(MAGIC.length);
    return readSync(file, start, 0, MAGIC.length, 0) === MAGIC.length && start.toString('latin1') === MAGIC;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
