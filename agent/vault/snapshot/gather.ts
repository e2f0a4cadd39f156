/** Finds out what changed in a folder since the tree that the vault has, and has the content that is new written. */
import type { BigIntStats, Stats } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { LoadedCalls } from '../../posix/native-calls.ts';
import type { ContentWriter } from '../packing/content-writer.ts';
import { FILE_CHUNK_BYTES, type FileEntry, isFile, type LinkEntry, underName } from '../tree/entries.ts';
import type { TreeChange, TreeIndex } from '../tree/tree-index.ts';
import { Breather } from './breather.ts';
import type { Captures } from './captures.ts';
import { difference } from './difference.ts';
import { Findings } from './findings.ts';
import { foreignMounts } from './foreign-mounts.ts';
import { folderOf, goneFrom } from './gone.ts';
import { type BegunFiles, LARGE_BYTES, type LargeOrder, LargeTurn } from './large-files.ts';
import { databaseStats, databasesOf, isAsRestored, type NamedDatabase } from './named-databases.ts';
import { outsideFolders } from './outside-folders.ts';
import { LostCapture, readDatabase } from './read-database.ts';
import { type ReadFile, readFile } from './read-file.ts';
import { readLink } from './read-link.ts';
import type { ReadingProgress } from './reading-progress.ts';
import { type Scan, scan } from './scan.ts';
import { looksSeen, type Seen, type SeenChange, type SeenFile, seenFile, timeOf } from './seen-files.ts';
import { type ManyNamed, manyNamed, OtherNames } from './several-names.ts';
import type { Unread } from './unread.ts';

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
  /** Large files: in which order, those that are begun, and those that were read for the same request already. */
  readonly large: { readonly order: LargeOrder; readonly begun: BegunFiles; readonly doneBefore: Set<string> };
  /** How long large files are read; by default some seconds. */
  readonly largeMillis?: number | undefined;
  readonly loadCalls: () => Promise<LoadedCalls>;
  readonly progress: ReadingProgress;
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
  /** Large files that it did not come to the end of, and whether it came further with any. */
  readonly begun: BegunFiles;
  readonly cameFurther: boolean;
};

/** Gathers. */
export function gather(ports: GatherPorts): Promise<Gathered> {
  return new Gathering(ports).run();
}

class Gathering {
  readonly #ports: GatherPorts;
  readonly #found: Findings;
  #manyNamed: ReadonlyMap<string, ManyNamed> = new Map();
  readonly #turn: LargeTurn;

  constructor(ports: GatherPorts) {
    this.#ports = ports;
    this.#found = new Findings(ports.tree);
    this.#turn = new LargeTurn(ports.large.begun, ports.clock, ports.largeMillis);
  }

  async run(): Promise<Gathered> {
    const { tree, clock, onStep, progress, signal } = this.#ports;
    const breather = new Breather(clock);
    const scanned = await this.#scan(breather);
    this.#found.unread.push(...outsideFolders(this.#ports.root), ...scanned.unread);
    this.#manyNamed = await manyNamed(this.#ports, scanned, breather, signal);
    await onStep('snapshot:scanned');
    const captured = await this.#captureDatabases(scanned);
    await onStep('snapshot:captured');
    for (const [path, folder] of scanned.folders) this.#found.note(path, folder);
    for (const database of captured) await this.#tryDatabase(database, breather);
    for (const path of scanned.changed) {
      if (breather.isDue) await breather.breathe(signal);
      if (!scanned.large.has(path)) await this.#readChanged(path, scanned);
    }
    await this.#readLarge(scanned);
    progress.keepOnly(this.#turn.begun);
    for (const { names } of new Set(this.#manyNamed.values()))
      if (!names.some((name) => this.#found.isRead(name))) this.#found.joinNames(names);
    const removed = await this.#removed(scanned, tree);
    this.#found.partNames(removed);
    return {
      change: { set: this.#found.set, removed },
      seen: { files: this.#found.seen, positions: this.#found.positions },
      matters: this.#found.matters || removed.size > 0,
      unsteady: this.#found.unsteady,
      unread: this.#found.unread,
      begun: this.#turn.begun,
      cameFurther: this.#turn.cameFurther,
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

  /** Where databases are is always looked at: their captures must not grow old. So is where a file is begun. */
  #within(): Iterable<string> | undefined {
    const { tree, within, large } = this.#ports;
    if (within === undefined || tree.entries.size === 0) return undefined;
    const begun = [...large.begun.values()].flatMap(({ names }) => names);
    const folders = new Set([...within, ...begun.map(folderOf)]);
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
          this.#found.markRead(names);
        } else scanned.changed.push(...names); // no database any more, or gone: reading tells
      } catch (cause) {
        signal.throwIfAborted();
        this.#found.noteUnread(names, messageOf(cause));
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
      this.#found.noteUnread(database.names, cause.message);
    }
  }

  async #readDatabase({ path, names, captured }: NamedDatabase, breather: Breather): Promise<void> {
    const { root, tree, writer, progress, signal } = this.#ports;
    const parent = tree.entries.get(path);
    const onRead = (done: number, total: number) => total > LARGE_BYTES && progress.at(path, done, total);
    const content = isAsRestored(this.#ports, path, captured)
      ? undefined
      : await readDatabase(writer, captured, parent, { breather, onRead, signal });
    this.#found.positions.set(path, captured.position);
    if (content === undefined) return this.#found.joinNames(names);
    await this.#forgetSeen(path, names);
    const stats = databaseStats(`${root}/${path}`);
    const mode = stats ? Number(stats.mode) & 0o7777 : 0o600;
    const time = parent?.time ?? { seconds: 0, nanoseconds: 0 };
    const entry = { kind: 'database', mode, time, ...content } as const;
    // The file's own time also changes with checkpoints, which change nothing of the content.
    const isNew = !isFile(parent) || difference(underName(parent, path, path), entry) !== 'none';
    this.#found.noteNames(names, isNew && stats ? { ...entry, time: timeOf(stats) } : entry);
  }

  /** From now on a database may differ from what was restored; it is followed under one of its names. */
  async #forgetSeen(path: string, names: readonly string[]): Promise<void> {
    const { root, seen, captures } = this.#ports;
    for (const name of names) {
      const isFollowed = name !== path && seen.positions.has(name);
      if (isFollowed) await captures.forget(`${root}/${name}`);
      if (isFollowed || seen.files.has(name)) this.#found.seen.set(name, null);
    }
  }

  /** Reads what does not look as it was seen, once for all of its names. */
  async #readChanged(path: string, scanned: Scan): Promise<void> {
    if (this.#found.isRead(path)) return;
    const many = this.#manyNamed.get(path);
    let names = many?.names ?? [path];
    for (let [first] = names; first !== undefined; [first] = names) {
      this.#found.markRead([first]);
      const read = await this.#readOne(first, scanned);
      if (this.#turn.begun.has(first)) {
        this.#found.markRead(names);
        return;
      }
      // A name may lead to something else by now.
      if (read && many?.isThis(read.stats) === true) return this.#found.noteNames(names, read.entry, read.seen);
      if (read) this.#found.note(first, read.entry, read.seen);
      names = names.slice(1);
    }
  }

  async #readOne(path: string, scanned: Scan): Promise<ReadOne | undefined> {
    const read = scanned.links.has(path) ? readLink(this.#ports.root, path) : await this.#readFile(path, scanned);
    switch (read.outcome) {
      case 'read': {
        const { entry, stats, steady } = read;
        if (!steady) this.#found.unsteady.push(path);
        return { entry, stats, seen: (steady && seenFile(stats, this.#ports.clock.now())) || null };
      }
      case 'begun':
        this.#turn.begun.set(path, { ...read.begun, names: this.#manyNamed.get(path)?.names ?? [path] });
        return undefined;
      case 'gone':
        scanned.present.delete(path);
        return undefined;
      case 'unreadable':
        this.#found.noteUnread([path], read.why);
        return undefined;
    }
  }

  async #readFile(path: string, { large }: Scan): Promise<ReadFile> {
    const { writer, root, signal, loadCalls, progress } = this.#ports;
    const turn = this.#turn;
    const onRead = (done: number, total: number) => progress.at(path, done, total);
    const begun = (stats: BigIntStats) => turn.before(stats);
    const isPauseDue = () => turn.isOver;
    if (large.has(path)) turn.begin();
    const read = await readFile({ writer, root, signal, loadCalls, begun, isPauseDue, onRead }, path);
    if (read.outcome !== 'begun') progress.end(path);
    return read;
  }

  /** Large ones come last: first those that are begun, then those that were not read for longest. */
  async #readLarge(scanned: Scan): Promise<void> {
    const { order, begun, doneBefore } = this.#ports.large;
    for (const path of order.of(scanned.large, begun)) {
      const names = this.#manyNamed.get(path)?.names ?? [path];
      const [first = path] = names;
      if (this.#found.isRead(path)) continue;
      if (doneBefore.has(first)) this.#found.markRead(names);
      else if (this.#turn.isOver) this.#wait(names, first);
      else {
        await this.#readChanged(path, scanned);
        if (this.#turn.begun.has(first)) continue;
        order.wasRead(first);
        doneBefore.add(first);
      }
    }
  }

  /** Has a large file wait for the next snapshot. */
  #wait(names: readonly string[], first: string): void {
    const { root, progress } = this.#ports;
    this.#found.markRead(names);
    const waiting = this.#turn.waiting(`${root}/${first}`);
    if (waiting === undefined) return; // gone by now: the next look tells
    this.#turn.begun.set(first, { ...waiting, names });
    progress.at(first, waiting.place * FILE_CHUNK_BYTES, waiting.size);
  }

  /** What the tree has and the folder has not. Of what may not be read nobody knows that it is gone. */
  async #removed(scanned: Scan, { entries }: TreeIndex): Promise<Set<string>> {
    const isGone = goneFrom(scanned);
    const removed = new Set<string>();
    for (const [path, entry] of entries) {
      if (!isGone(path) || this.#found.isHidden(path)) continue;
      removed.add(path);
      this.#found.seen.set(path, null);
      if (entry.kind === 'database') await this.#ports.captures.forget(`${this.#ports.root}/${path}`);
    }
    return removed;
  }
}

type ReadOne = { readonly entry: LinkEntry | FileEntry; readonly stats: BigIntStats; readonly seen: SeenFile | null };
