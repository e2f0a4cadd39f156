/**
 * Hears in which folders below one something changes: the kernel tells of each, and new ones are found by looking again where
 * there was a change. The snapshot finds out what it was. What the kernel can't tell (a full table of watches, a network file
 * system) a slow look at everything finds.
 */
import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import { whyUnwatched } from '@opencrane/kit/unwatched.ts';
import { foreignMounts } from '../snapshot/foreign-mounts.ts';
import { isLeftOut } from '../snapshot/left-out.ts';
import { foldersBelow, foldersIn, isFolder } from './folders-below.ts';
import type { Where } from './heard-folders.ts';

/** What is told. */
export type ChangeListener = {
  /** The kernel told of something, whether or not it matters. */
  readonly onEvent: () => void;
  /** Something changed in this folder; undefined: nobody can tell where. */
  readonly onChange: (folder: string | undefined) => void;
};

type Watched = { readonly watcher: FSWatcher; readonly inode: number };

/** Watches folders, relative to `root`, which is the empty path. */
export class ChangeWatch {
  readonly #root: string;
  readonly #listener: ChangeListener;
  readonly #watched = new Map<string, Watched>();
  #unwatched: string | undefined;

  constructor(root: string, listener: ChangeListener) {
    this.#root = root;
    this.#listener = listener;
  }

  /** Whether every folder is watched. When not, changes in others are only found by looking. */
  get isComplete(): boolean {
    return this.#unwatched === undefined;
  }

  /** Why some folder is not watched; undefined when every one is. */
  get unwatched(): string | undefined {
    return this.#unwatched;
  }

  /**
   * Brings the watches in step with the folders that are there, as far as they may differ in these folders; undefined: anywhere.
   * Returns those that are watched only from now on: what changed in them before, nobody heard.
   */
  look(where: Where): string[] {
    const isNew = !this.#watched.has('');
    return where === undefined || isNew ? this.#lookAnywhere() : this.#lookIn(where);
  }

  close(): void {
    for (const path of [...this.#watched.keys()]) this.#end(path);
  }

  #lookAnywhere(): string[] {
    const wanted = new Set(foldersBelow(this.#root));
    for (const [path, { inode }] of this.#watched)
      if (!wanted.has(path) || inodeOf(join(this.#root, path)) !== inode) this.#end(path);
    this.#unwatched = undefined;
    return this.#watchAll(wanted);
  }

  #lookIn(where: ReadonlySet<string>): string[] {
    const there = [...where].filter((folder) => isFolder(this.#root, folder));
    const foreign = foreignMounts(this.#root);
    const inThem = there.map((folder) => foldersIn(this.#root, folder, foreign));
    const known = new Set(inThem.flat());
    // What was moved is ended first: the kernel knows a folder only once, under the path that it was watched by.
    const parents = new Set(there);
    for (const path of [...this.#watched.keys()])
      if (path !== '' && parents.has(folderOf(path)) && !known.has(path)) this.#endTree(path);
    const inOrder = [...there, ...known].sort(); // so that a folder comes before what is below it
    return inOrder.flatMap((path) => (this.#watched.has(path) ? [] : this.#watchTree(path)));
  }

  #watchTree(path: string): string[] {
    this.#endTree(path); // what is below was in another folder of this name
    return this.#watchAll(foldersBelow(this.#root, path));
  }

  #watchAll(folders: Iterable<string>): string[] {
    return [...folders].filter((folder) => !this.#watched.has(folder) && this.#watch(folder));
  }

  #endTree(path: string): void {
    for (const other of [...this.#watched.keys()]) if (other === path || other.startsWith(`${path}/`)) this.#end(other);
  }

  #end(path: string): void {
    this.#watched.get(path)?.watcher.close();
    this.#watched.delete(path);
  }

  /** True when it is watched from now on. One that is gone has nothing to tell; of any other nothing is known from now on. */
  #watch(folder: string): boolean {
    const path = join(this.#root, folder);
    try {
      const watcher = watch(path, { persistent: false }, (event, name) => this.#hear(folder, event, name));
      watcher.on('error', (cause) => this.#lose(folder, cause));
      this.#watched.set(folder, { watcher, inode: inodeOf(path) ?? 0 });
      return true;
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') this.#unwatched = whyUnwatched(cause);
      return false;
    }
  }

  #hear(folder: string, event: string, name: string | null): void {
    const { onEvent, onChange } = this.#listener;
    onEvent();
    if (name === null) {
      onChange(undefined);
      return;
    }
    // So it also says that the folder itself was moved or removed: then the watch may be one of another place, or of none.
    if (event === 'rename' && name === basename(join(this.#root, folder))) this.#endTree(folder);
    if (matters(folder, name)) onChange(folder);
  }

  #lose(folder: string, cause: unknown): void {
    this.#end(folder);
    this.#unwatched = whyUnwatched(cause);
    this.#listener.onChange(undefined);
  }
}

/** What snapshots leave out changes nothing. Neither does the shared memory of SQLite, which we touch ourselves. */
function matters(folder: string, name: string): boolean {
  return !name.endsWith('-shm') && !isLeftOut(folder === '' ? name : `${folder}/${name}`);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function inodeOf(path: string): number | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}
