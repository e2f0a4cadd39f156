/**
 * Files and links that have several names within the state (hard links). A change through one name is a change under all of
 * them, and only the folder of that one is heard to have changed. Names outside of the state, and those that are left out, do
 * not count.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { firstNameOf } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Breather } from './breather.ts';
import { folderOf, goneFrom } from './gone.ts';
import type { Scan } from './scan.ts';
import type { Seen } from './seen-files.ts';

/** What has several names, in the order of their paths. */
export type ManyNamed = {
  readonly names: readonly string[];
  /** Whether this is what they lead to. */
  isThis(stats: BigIntStats): boolean;
};

/** What is asked about names. */
export type NamesPorts = { readonly root: string; readonly tree: TreeIndex; readonly seen: Seen };

/** Tells where other names lie. For one scan. */
export class OtherNames {
  readonly #ports: NamesPorts;
  readonly #groups: readonly (readonly string[])[];
  readonly #asked = new Set<string>();

  constructor(ports: NamesPorts) {
    this.#ports = ports;
    this.#groups = [...groupsOf(ports.tree).values()];
  }

  /** Folders that may hold another name of something that was found to have changed; each is told once. */
  *foldersFor(found: Scan): Generator<string> {
    for (const folder of this.#folders(found)) {
      if (found.entered.has(folder) || this.#asked.has(folder)) continue;
      this.#asked.add(folder);
      yield folder;
    }
  }

  *#folders(found: Scan): Generator<string> {
    const changed = new Set(found.changed);
    const isGone = goneFrom(found);
    for (const names of this.#groups)
      if (names.some((name) => changed.has(name) || isGone(name))) yield* names.map(folderOf);
    if (found.manyNamed.size === 0) return;
    const { tree, seen } = this.#ports;
    for (const [path, [inode]] of seen.files) if (found.manyNamed.has(inode)) yield folderOf(path);
    // Nobody knows of which inodes these are.
    for (const [path, { kind }] of tree.entries)
      if ((kind === 'file' || kind === 'link') && !seen.files.has(path)) yield folderOf(path);
  }
}

/** What was found under several names, by each of them. */
export async function manyNamed(
  { root, tree }: NamesPorts,
  found: Scan,
  breather: Breather,
  signal: AbortSignal,
): Promise<Map<string, ManyNamed>> {
  const all = new Map<string, ManyNamed>();
  const changed = new Set([...found.changed, ...found.databases]);
  for (const unordered of found.manyNamed.values()) {
    const paths = unordered.toSorted();
    if (paths.length < 2 || isKnown(paths, tree, changed)) continue;
    if (breather.isDue) await breather.breathe(signal);
    for (const one of byInode(root, paths)) for (const name of one.names) all.set(name, one);
  }
  return all;
}

/** Groups of names in a tree, by the first. */
function groupsOf({ entries }: TreeIndex): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [path, entry] of entries) {
    const first = firstNameOf(entry);
    if (first === undefined) continue;
    const group = groups.get(first);
    if (group) group.push(path);
    else groups.set(first, [first, path]);
  }
  return groups;
}

/** Whether the tree has just these under one name, and nothing changed: then nobody needs to look closer. */
function isKnown(
  [first = '', ...others]: readonly string[],
  { entries }: TreeIndex,
  changed: ReadonlySet<string>,
): boolean {
  return !changed.has(first) && others.every((path) => firstNameOf(entries.get(path)) === first && !changed.has(path));
}

/** `paths` are in order. Numbers of inodes may be too large for a number of ours, and a state may lie on several file systems. */
function byInode(root: string, paths: readonly string[]): ManyNamed[] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const stats = look(`${root}/${path}`);
    if (stats === undefined) continue;
    const key = keyOf(stats);
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  return [...groups]
    .filter(([, names]) => names.length > 1)
    .map(([key, names]) => ({ names, isThis: (stats) => keyOf(stats) === key }));
}

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** One that is gone, or cannot be looked at any more, is none of several. */
function look(full: string): BigIntStats | undefined {
  try {
    return lstatSync(pathForSystem(full), { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
