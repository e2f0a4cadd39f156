/** What a snapshot finds to be other than it is in the tree of the one before. */
import { type Entry, type FileEntry, firstNameOf, type LinkEntry, underName } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { DatabasePosition } from './database-source.ts';
import { difference } from './difference.ts';
import type { SeenFile } from './seen-files.ts';
import type { Unread } from './unread.ts';

/** The findings. */
export class Findings {
  readonly #tree: Pick<TreeIndex, 'entries'>;
  readonly #read = new Set<string>();
  /** New entries, and those that are not what they were. */
  readonly set = new Map<string, Entry>();
  /** What to remember of files; null is forgotten. */
  readonly seen = new Map<string, SeenFile | null>();
  readonly positions = new Map<string, DatabasePosition>();
  /** Files that were written to all the while they were read. */
  readonly unsteady: string[] = [];
  readonly unread: Unread[] = [];
  /** Whether anything but times differs. */
  matters = false;

  constructor(tree: Pick<TreeIndex, 'entries'>) {
    this.#tree = tree;
  }

  /** Whether what is at a path was read, under this or another name, or need not be any more. */
  isRead(path: string): boolean {
    return this.#read.has(path);
  }

  markRead(names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** What is at a path. */
  note(path: string, entry: Entry, seen?: SeenFile | null): void {
    const how = difference(this.#tree.entries.get(path), entry);
    if (how !== 'none') this.set.set(path, entry);
    if (how === 'content') this.matters = true;
    if (seen !== undefined) this.seen.set(path, seen);
  }

  /** What all of these names lead to; they are in order. */
  noteNames(names: readonly string[], entry: LinkEntry | FileEntry, seen?: SeenFile | null): void {
    const [first = ''] = names;
    this.markRead(names);
    for (const name of names) this.note(name, underName(entry, name, first), seen);
  }

  noteUnread(names: readonly string[], why: string): void {
    for (const path of names) this.unread.push({ path, why });
  }

  /** Has names lead to one thing that lead to several in the tree, though nothing of it changed. */
  joinNames(names: readonly string[]): void {
    const { entries } = this.#tree;
    const entry = entries.get(names[0] ?? '');
    if (!entry || entry.kind === 'folder' || names.some((name) => !entries.has(name))) return;
    this.noteNames(names, entry);
  }

  /** A name that cannot be looked at keeps what it led to, by itself when the first name leads to something else now. */
  partNames(removed: ReadonlySet<string>): void {
    for (const [path, entry] of this.#tree.entries) {
      const first = firstNameOf(entry);
      if (first === undefined || entry.kind === 'folder' || this.set.has(path) || removed.has(path)) continue;
      if (this.set.has(first) || removed.has(first)) this.set.set(path, underName(entry, path, path));
    }
  }

  /** Whether nobody knows what is at a path: it cannot be read, or a folder on the way to it. */
  isHidden(path: string): boolean {
    return this.unread.some((unread) => path === unread.path || path.startsWith(`${unread.path}/`));
  }
}
