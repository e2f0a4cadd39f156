/** Finds out what changed in a folder since the tree that the vault has, and has the content that is new written. */
import { type BigIntStats, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, systemCode } from '@opencrane/kit/errors.ts';
import type { ContentWriter } from '../packing/content-writer.ts';
import { type Entry, isFile, type LinkEntry } from '../tree/entries.ts';
import { pathForSystem, textOfBytes } from '../tree/path-text.ts';
import type { TreeChange, TreeIndex } from '../tree/tree-index.ts';
import { Breather } from './breather.ts';
import type { Captures } from './captures.ts';
import type { CapturedDatabase, DatabasePosition } from './database-source.ts';
import { type Difference, difference } from './difference.ts';
import { foreignMounts } from './foreign-mounts.ts';
import { outsideFolders } from './outside-folders.ts';
import { LostCapture, readDatabase } from './read-database.ts';
import { readFile } from './read-file.ts';
import { type Scan, scan } from './scan.ts';
import { looksSeen, type Seen, type SeenChange, type SeenFile, seenFile, timeOf } from './seen-files.ts';
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

  constructor(ports: GatherPorts) {
    this.#ports = ports;
  }

  async run(): Promise<Gathered> {
    const { tree, clock, onStep, signal } = this.#ports;
    const breather = new Breather(clock);
    const scanned = await this.#scan(breather);
    this.#unread.push(...outsideFolders(this.#ports.root), ...scanned.unread);
    await onStep('snapshot:scanned');
    const captured = await this.#captureDatabases(scanned);
    await onStep('snapshot:captured');
    for (const [path, folder] of scanned.folders) this.#note(path, folder);
    for (const [path, database] of captured) await this.#tryDatabase(path, database, breather);
    for (const path of scanned.changed) {
      if (breather.isDue) await breather.breathe(signal);
      await this.#readChanged(path, scanned);
    }
    const removed = await this.#removed(scanned, tree);
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
    return scan({ root, breather, foreign, isSeen, kindBefore, within: this.#within() }, signal);
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
  async #captureDatabases(scanned: Scan): Promise<Map<string, CapturedDatabase>> {
    const { root, tree, seen, captures, signal } = this.#ports;
    const captured = new Map<string, CapturedDatabase>();
    for (const path of scanned.databases) {
      const since = tree.entries.get(path)?.kind === 'database' ? seen.positions.get(path) : undefined;
      try {
        const database = await captures.take(`${root}/${path}`, since, signal);
        if (database) captured.set(path, database);
        else scanned.changed.push(path); // no database any more, or gone: reading tells
      } catch (cause) {
        signal.throwIfAborted();
        this.#unread.push({ path, why: messageOf(cause) });
      }
    }
    return captured;
  }

  async #tryDatabase(path: string, captured: CapturedDatabase, breather: Breather): Promise<void> {
    try {
      await this.#readDatabase(path, captured, breather);
    } catch (cause) {
      if (!(cause instanceof LostCapture)) throw cause;
      await this.#ports.captures.giveUp(`${this.#ports.root}/${path}`);
      this.#unread.push({ path, why: cause.message });
    }
  }

  async #readDatabase(path: string, captured: CapturedDatabase, breather: Breather): Promise<void> {
    const { root, tree, writer, signal } = this.#ports;
    const parent = tree.entries.get(path);
    if (captured.whole && this.#isAsRestored(path, captured)) {
      this.#positions.set(path, captured.position);
      return;
    }
    const content = await readDatabase(writer, captured, parent, breather, signal);
    this.#positions.set(path, captured.position);
    if (this.#ports.seen.files.has(path)) this.#seen.set(path, null); // from now on it may differ from what was restored
    const stats = databaseStats(`${root}/${path}`);
    const mode = stats ? Number(stats.mode) & 0o7777 : 0o600;
    const entry = { kind: 'database', mode, time: parent?.time ?? { seconds: 0, nanoseconds: 0 }, ...content } as const;
    // The file's own time also changes with checkpoints, which change nothing of the content.
    if (difference(parent, entry) === 'none') return;
    this.#note(path, stats ? { ...entry, time: timeOf(stats) } : entry);
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

  async #readChanged(path: string, scanned: Scan): Promise<void> {
    const { root, writer, clock, signal } = this.#ports;
    if (scanned.links.has(path)) return this.#readLink(path, scanned);
    const read = await readFile(writer, root, path, signal);
    if (read.outcome === 'gone') scanned.present.delete(path);
    else if (read.outcome === 'unreadable') this.#unread.push({ path, why: read.why });
    else {
      const { entry, stats, steady } = read;
      if (!steady) this.#unsteady.push(path);
      this.#note(path, entry, (steady && seenFile(stats, clock.now())) || null);
    }
  }

  #readLink(path: string, scanned: Scan): void {
    const full = pathForSystem(`${this.#ports.root}/${path}`);
    try {
      const stats = lstatSync(full, { bigint: true });
      const target = textOfBytes(readlinkSync(full, { encoding: 'buffer' }));
      const entry: LinkEntry = { kind: 'link', time: timeOf(stats), target };
      this.#note(path, entry, seenFile(stats, this.#ports.clock.now()) ?? null);
    } catch (cause) {
      // EINVAL: something that is no link has taken its place; the next snapshot will see what.
      if (isGone(cause) || systemCode(cause) === 'EINVAL') scanned.present.delete(path);
      else this.#noteUnread(path, cause);
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

/** What is known of it beside its content, which was read; undefined when it is gone, or cannot be looked at any more. */
function databaseStats(full: string): BigIntStats | undefined {
  try {
    return statSync(pathForSystem(full), { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Tells of each path whether it is gone: its folder was read and it was not there, or its folder is none any more. */
function goneFrom({ entered, present, folders: seen }: Scan): (path: string) => boolean {
  const folders = new Map<string, boolean>([['', false]]);
  const isGone = (path: string): boolean => {
    if (path === '' || present.has(path)) return false;
    const folder = folderOf(path);
    return entered.has(folder) || isFolderGone(folder);
  };
  const isFolderGone = (folder: string): boolean => {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const gone = isGone(folder) || (present.has(folder) && !seen.has(folder));
    folders.set(folder, gone);
    return gone;
  };
  return isGone;
}
