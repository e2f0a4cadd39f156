/**
 * Hears that something below a folder changes: the kernel tells of each folder, and new folders are found by looking again
 * after a change. It says only that there was one, the snapshot finds out which. What the kernel can't tell (a full table of
 * watches, a network file system) a slow look at everything finds.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import { isLeftOut } from '../snapshot/left-out.ts';

/** Watches folders. */
export class ChangeWatch {
  readonly #root: string;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #isComplete = true;

  constructor(root: string, onChange: () => void) {
    this.#root = root;
    this.#onChange = onChange;
  }

  /** Whether every folder is watched. When not, changes in others are only found by looking. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Watches these folders, relative to the root, and no others any more. */
  keep(folders: Iterable<string>): void {
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    this.#isComplete = true;
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#add(folder);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): void {
    try {
      const watcher = watch(join(this.#root, folder), { persistent: false }, (_, name) => {
        if (name === null || matters(folder, name)) this.#onChange();
      });
      watcher.on('error', () => this.#drop(folder));
      this.#watchers.set(folder, watcher);
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') this.#isComplete = false; // one that is gone has nothing to tell
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
    this.#isComplete = false;
    this.#onChange();
  }
}

/** What snapshots leave out changes nothing. Neither does the shared memory of SQLite, which we touch ourselves. */
function matters(folder: string, name: string): boolean {
  return !name.endsWith('-shm') && !isLeftOut(folder === '' ? name : `${folder}/${name}`);
}
