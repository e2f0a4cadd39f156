/** Finds out what changed in a folder since the tree that the vault has, and has the content that is new written. */
import { type BigIntStats, lstatSync, readlinkSync, type Stats } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, systemCode } from '@opencrane/kit/errors.ts';
import type { ContentWriter } from '../packing/content-writer.ts';
import { type Entry, type FileEntry, firstNameOf, isFile, type LinkEntry, underName } from '../tree/entries.ts';
import { pathForSystem, textOfBytes } from '../tree/path-text.ts';
import type { TreeChange, TreeIndex } from '../tree/tree-index.ts';
import { Breather } from './breather.ts';
import type { Captures } from './captures.ts';
import type { CapturedDatabase, DatabasePosition } from './database-source.ts';
import { type Difference, difference } from './difference.ts';
import { foreignMounts } from './foreign-mounts.ts';
import { folderOf, goneFrom } from './gone.ts';
import { databaseStats, databasesOf, type NamedDatabase } from './named-databases.ts';
import { outsideFolders } from './outside-folders.ts';
import { LostCapture, readDatabase } from './read-database.ts';
import { readFile } from './read-file.ts';
import { type Scan, scan } from './scan.ts';
import { looksSeen, type Seen, type SeenChange, type SeenFile, seenFile, timeOf } from './seen-files.ts';
import { type ManyNamed, manyNamed, OtherNames } from './several-names.ts';
import { isGone, type Unread, whyUnread } from './unread.ts';

/** What gathering takes. */
export type GatherPorts = {
  readonly root: string;
  /** The tree of the newest snapshot, and what was seen when it was taken. */
  readonly tree: TreeIndex;
  readonly seen: Seen;
  readonly writer: ContentWriter;
  readonly captures: Captures;
  readonly clock: Clock;
  /** Folders in which something changed; undefined: anything may have. */
  readonly within: Iterable<string> | undefined;
  readonly onStep: (step: string) => Promise<void> | void;
  readonly signal: AbortSignal;
};

/** What was gathered. */
export type Gathered = {
  readonly change: TreeChange;
  readonly seen: SeenChange;
  /** Whether anything but times changed. */
  readonly matters: boolean;
  /** Files that were written to all the while they were read. */
  readonly unsteady: readonly string[];
  readonly unread: readonly Unread[];
};

/** Gathers. */
export function gather(ports: GatherPorts): Promise<Gathered> {
  return new Gathering(ports).run();
}

class Gathering {
  readonly #ports: GatherPorts;
  readonly #set = new Map<string, Entry>();
  readonly #seen = new Map<string, SeenFile | null>();
  readonly #positions = new Map<string, DatabasePosition>();
  readonly #unsteady: string[] = [];
  readonly #unread: Unread[] = [];
  #matters = false;
  #manyNamed: ReadonlyMap<string, ManyNamed> = new Map();
  /** Paths that were read, under this or another name. */
  readonly #read = new Set<string>();

  constructor(ports: GatherPorts) {
    this.#ports = ports;
  }

  async run(): Promise<Gathered> {
    const { tree, clock, onStep, signal } = this.#ports;
    const breather = new Breather(clock);
    const scanned = await this.#scan(breather);
    this.#unread.push(...outsideFolders(this.#ports.root), ...scanned.unread);
    this.#manyNamed = await manyNamed(this.#ports, scanned, breather, signal);
    await onStep('snapshot:scanned');
    const captured = await this.#captureDatabases(scanned);
    await onStep('snapshot:captured');
    for (const [path, folder] of scanned.folders) this.#note(path, folder);
    for (const database of captured) await this.#tryDatabase(database, breather);
    for (const path of scanned.changed) {
      if (breather.isDue) await breather.breathe(signal);
      await this.#readChanged(path, scanned);
    }
    for (const { names } of new Set(this.#manyNamed.values()))
      if (!names.some((name) => this.#read.has(name))) this.#joinNames(names);
    const removed = await this.#removed(scanned, tree);
    this.#partNames(removed);
    return {
      change: { set: this.#set, removed },
      seen: { files: this.#seen, positions: this.#positions },
      matters: this.#matters || removed.size > 0,
      unsteady: this.#unsteady,
      unread: this.#unread,
    };
  }

  #scan(breather: Breather): Promise<Scan> {
    const { root, tree, seen, signal } = this.#ports;
    const isSeen = (path: string, stats: Stats) => looksSeen(seen.files.get(path), stats);
    const kindBefore = (path: string) => tree.entries.get(path)?.kind;
    const foreign = foreignMounts(root);
    const names = new OtherNames(this.#ports);
    const also = (found: Scan) => names.foldersFor(found);
    return scan({ root, breather, foreign, isSeen, kindBefore, also, within: this.#within() }, signal);
  }

  /** Where databases are is always looked at: their captures must not grow old. */
  #within(): Iterable<string> | undefined {
    const { tree, within } = this.#ports;
    if (within === undefined || tree.entries.size === 0) return undefined;
    const folders = new Set(within);
    for (const [path, { kind }] of tree.entries) if (kind === 'database') folders.add(folderOf(path));
    return folders;
  }

  /** All of them before any is read, so that they are of one moment as nearly as may be. */
  async #captureDatabases(scanned: Scan): Promise<NamedDatabase[]> {
    const { root, tree, seen, captures, signal } = this.#ports;
    const all: NamedDatabase[] = [];
    for (const { path, names } of databasesOf(root, scanned.databases, this.#manyNamed)) {
      const since = tree.entries.get(path)?.kind === 'database' ? seen.positions.get(path) : undefined;
      try {
        const captured = await captures.take(`${root}/${path}`, since, signal);
        if (captured) {
          all.push({ path, names, captured });
          for (const name of names) this.#read.add(name);
        } else scanned.changed.push(...names); // no database any more, or gone: reading tells
      } catch (cause) {
        signal.throwIfAborted();
        for (const name of names) this.#unread.push({ path: name, why: messageOf(cause) });
      }
    }
    return all;
  }

  async #tryDatabase(database: NamedDatabase, breather: Breather): Promise<void> {
    try {
      await this.#readDatabase(database, breather);
    } catch (cause) {
      if (!(cause instanceof LostCapture)) throw cause;
      await this.#ports.captures.giveUp(`${this.#ports.root}/${database.path}`);
      for (const path of database.names) this.#unread.push({ path, why: cause.message });
    }
  }

  async #readDatabase({ path, names, captured }: NamedDatabase, breather: Breather): Promise<void> {
    const { root, tree, writer, signal } = this.#ports;
    const parent = tree.entries.get(path);
    const isAsRestored = captured.whole && this.#isAsRestored(path, captured);
    const content = isAsRestored ? undefined : await readDatabase(writer, captured, parent, breather, signal);
    this.#positions.set(path, captured.position);
    if (content === undefined) return this.#joinNames(names);
    await this.#forgetSeen(path, names);
    const stats = databaseStats(`${root}/${path}`);
    const mode = stats ? Number(stats.mode) & 0o7777 : 0o600;
    const time = parent?.time ?? { seconds: 0, nanoseconds: 0 };
    const entry = { kind: 'database', mode, time, ...content } as const;
    // The file's own time also changes with checkpoints, which change nothing of the content.
    const isNew = !isFile(parent) || difference(underName(parent, path, path), entry) !== 'none';
    this.#noteNames(names, isNew && stats ? { ...entry, time: timeOf(stats) } : entry);
  }

  /** Whether a database is still the very file that the vault restored: then it need not be read to know what is in it. */
  #isAsRestored(path: string, { pages, pageBytes }: CapturedDatabase): boolean {
    const { root, tree, seen } = this.#ports;
    const entry = tree.entries.get(path);
    if (!isFile(entry) || entry.size !== pages * pageBytes || entry.chunkBytes !== pageBytes) return false;
    const look = (suffix: string) => lstatSync(pathForSystem(`${root}/${path}${suffix}`), { throwIfNoEntry: false });
    try {
      const stats = look('');
      return (
        stats !== undefined &&
        looksSeen(seen.files.get(path), stats) &&
        ['-wal', '-journal'].every((suffix) => (look(suffix)?.size ?? 0) === 0)
      );
    } catch {
      return false; // reading it says why
    }
  }

  /** From now on a database may differ from what was restored; it is followed under one of its names. */
  async #forgetSeen(path: string, names: readonly string[]): Promise<void> {
    const { root, seen, captures } = this.#ports;
    for (const name of names) {
      const isFollowed = name !== path && seen.positions.has(name);
      if (isFollowed) await captures.forget(`${root}/${name}`);
      if (isFollowed || seen.files.has(name)) this.#seen.set(name, null);
    }
  }

  /** Reads what does not look as it was seen, once for all of its names. */
  async #readChanged(path: string, scanned: Scan): Promise<void> {
    if (this.#read.has(path)) return;
    const many = this.#manyNamed.get(path);
    let names = many?.names ?? [path];
    for (let [first] = names; first !== undefined; [first] = names) {
      this.#read.add(first);
      const read = scanned.links.has(first) ? this.#readLink(first, scanned) : await this.#readFile(first, scanned);
      // A name may lead to something else by now.
      if (read && many?.isThis(read.stats) === true) return this.#noteNames(names, read.entry, read.seen);
      if (read) this.#note(first, read.entry, read.seen);
      names = names.slice(1);
    }
  }

  async #readFile(path: string, scanned: Scan): Promise<ReadOne | undefined> {
    const { root, writer, clock, signal } = this.#ports;
    const read = await readFile(writer, root, path, signal);
    if (read.outcome === 'read') {
      const { entry, stats, steady } = read;
      if (!steady) this.#unsteady.push(path);
      return { entry, stats, seen: (steady && seenFile(stats, clock.now())) || null };
    }
    if (read.outcome === 'gone') scanned.present.delete(path);
    else this.#unread.push({ path, why: read.why });
    return undefined;
  }

  #readLink(path: string, scanned: Scan): ReadOne | undefined {
    const full = pathForSystem(`${this.#ports.root}/${path}`);
    try {
      const stats = lstatSync(full, { bigint: true });
      const target = textOfBytes(readlinkSync(full, { encoding: 'buffer' }));
      const entry = { kind: 'link', time: timeOf(stats), target } as const;
      return { entry, stats, seen: seenFile(stats, this.#ports.clock.now()) ?? null };
    } catch (cause) {
      // EINVAL: something that is no link has taken its place; the next snapshot will see what.
      if (isGone(cause) || systemCode(cause) === 'EINVAL') scanned.present.delete(path);
      else this.#noteUnread(path, cause);
      return undefined;
    }
  }

  /** Has names lead to one thing that lead to several in the tree, though nothing of it changed. */
  #joinNames(names: readonly string[]): void {
    const { entries } = this.#ports.tree;
    const [first = ''] = names;
    const entry = entries.get(first);
    if (!entry || entry.kind === 'folder' || names.some((name) => !entries.has(name))) return;
    this.#noteNames(names, entry);
  }

  #noteNames(names: readonly string[], entry: LinkEntry | FileEntry, seen?: SeenFile | null): void {
    const [first = ''] = names;
    for (const name of names) {
      this.#read.add(name);
      this.#note(name, underName(entry, name, first), seen);
    }
  }

  /** Throws what says nothing about the path. */
  #noteUnread(path: string, cause: unknown): void {
    const why = whyUnread(cause);
    if (why === undefined) throw cause;
    this.#unread.push({ path, why });
  }

  #note(path: string, entry: Entry, seen?: SeenFile | null): Difference {
    const how = difference(this.#ports.tree.entries.get(path), entry);
    if (how !== 'none') this.#set.set(path, entry);
    if (how === 'content') this.#matters = true;
    if (seen !== undefined) this.#seen.set(path, seen);
    return how;
  }

  /** A name that cannot be looked at keeps what it led to, by itself when the first name leads to something else now. */
  #partNames(removed: ReadonlySet<string>): void {
    for (const [path, entry] of this.#ports.tree.entries) {
      const first = firstNameOf(entry);
      if (first === undefined || entry.kind === 'folder' || this.#set.has(path) || removed.has(path)) continue;
      if (this.#set.has(first) || removed.has(first)) this.#set.set(path, underName(entry, path, path));
    }
  }

  /** What the tree has and the folder has not. Of what may not be read nobody knows that it is gone. */
  async #removed(scanned: Scan, { entries }: TreeIndex): Promise<Set<string>> {
    const hidden = (path: string) =>
      this.#unread.some((unread) => path === unread.path || path.startsWith(`${unread.path}/`));
    const isGone = goneFrom(scanned);
    const removed = new Set<string>();
    for (const [path, entry] of entries) {
      if (!isGone(path) || hidden(path)) continue;
      removed.add(path);
      this.#seen.set(path, null);
      if (entry.kind === 'database') await this.#ports.captures.forget(`${this.#ports.root}/${path}`);
    }
    return removed;
  }
}

type ReadOne = { readonly entry: LinkEntry | FileEntry; readonly stats: BigIntStats; readonly seen: SeenFile | null };
