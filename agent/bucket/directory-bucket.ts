/**
 * A folder as a bucket: a laptop's disk, a volume, a gcsfuse mount.
 *
 * An object is written as a draft and gets its name when it is whole and durable:
 *
 *   create, hard links       draft ──link──▶ name                   one winner among all who see the folder
 *   create, no hard links    draft ──lock, look, rename──▶ name     one winner among the processes of one machine
 *   replace                  draft ──lock, compare, rename──▶ name  likewise; on a full disk with a spare (spare-draft.ts)
 *
 * gcsfuse has no hard links. It could create exclusively under the final name, across mounts too (the loser's close fails with
 * ESTALE), but a writer killed in the middle would leave a half object: the kernel closes its file, and gcsfuse uploads what
 * was written (seen with 3.11.2). Where several machines must agree on a winner, that is what the GCS API is for.
 */
import { type FileHandle, link, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { interrupted, underSignal } from './abort.ts';
import type { Body, ByteRange, ErasableBucket, Erased, Generation, ObjectInfo, ObjectName } from './bucket.ts';
import { checkRange } from './byte-range.ts';
import { DRAFTS, Drafts } from './drafts.ts';
import { eraseFolder } from './erase-folder.ts';
import { folderError, isFull, onDisk } from './folder-errors.ts';
import { moveTo, openIfThere, publishByLink, publishByRename, readPart, removeIfThere } from './folder-files.ts';
import { FolderLock } from './folder-lock.ts';
import { FolderRoot } from './folder-root.ts';
import { type FoundFile, statsOf, walk } from './folder-walk.ts';
import { generationOf, stamp, stampAfter } from './generation.ts';
import { checkPrefix } from './layout.ts';
import { SPARE, SpareDraft } from './spare-draft.ts';

/** What a folder takes. */
export type DirectoryBucketPorts = {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Pieces of a stream: large enough that each costs little, small enough to hold a few. */
const PIECE_BYTES = 1 << 20;

/** What link() says where there are no hard links; gcsfuse: EPERM. */
const noLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** `~` is in no object's name. */
const LOCK = '~lock';

/** A bucket in a folder that is there. */
export class DirectoryBucket implements ErasableBucket {
  readonly address: string;
  readonly #ports: DirectoryBucketPorts;
  readonly #root: FolderRoot;
  readonly #drafts: Drafts;
  readonly #spare: SpareDraft;
  readonly #lock: FolderLock;
  #linking: Promise<boolean> | undefined;

  constructor(path: string, ports: DirectoryBucketPorts) {
    this.#ports = ports;
    this.#root = new FolderRoot(path);
    this.address = this.#root.path;
    this.#drafts = new Drafts(this.address, ports.clock);
    this.#spare = new SpareDraft(this.address);
    this.#lock = new FolderLock(join(this.address, LOCK), ports.clock, ports.random);
  }

  create(name: ObjectName, body: Body, signal?: AbortSignal): Promise<Generation | 'exists'> {
    return this.#call('creating', name, signal, async (path, doing) => {
      if ((await onDisk(doing, () => statsOf(path))) !== undefined) return 'exists';
      const linking = await this.#canLink();
      return this.#withDraft(body, linking, signal, async (draft) => {
        if (linking) return onDisk(doing, () => publishByLink(draft, path));
        return this.#lock.hold(() => onDisk(doing, () => publishByRename(draft, path)), signal);
      });
    });
  }

  replace(
    name: ObjectName,
    body: Uint8Array,
    generation: Generation,
    signal?: AbortSignal,
  ): Promise<Generation | 'conflict'> {
    return this.#call('replacing', name, signal, async (path, doing) => {
      const linking = await this.#canLink();
      const put = async (draft: string, move: (path: string) => Promise<Generation>) => {
        const current = await statsOf(path);
        if (current === undefined || generationOf(current) !== generation) return 'conflict';
        if (linking) await stampAfter(draft, current.mtimeNs);
        return move(path);
      };
      const locked = <T>(work: () => Promise<T>) => this.#lock.hold(() => onDisk(doing, work), signal);
      const byDraft = async (draft: string) => {
        const replaced = await put(draft, (at) => moveTo(draft, at));
        if (linking) await this.#spare.keep();
        return replaced;
      };
      try {
        return await this.#withDraft(body, linking, signal, (draft) => locked(() => byDraft(draft)));
      } catch (cause) {
        if (!linking || !isFull(cause) || !this.#spare.takes(body)) throw cause;
        return locked(async () => {
          const spare = await this.#spare.write(body);
          if (spare === undefined) throw cause;
          await this.#stamp(spare);
          return put(spare, (at) => this.#spare.moveTo(at));
        });
      }
    });
  }

  async read(
    name: ObjectName,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly generation: Generation } | undefined> {
    checkRange(range);
    return this.#call('reading', name, signal, async (path, doing) => {
      const found = await this.#open(path, doing);
      if (found === undefined) return undefined;
      const { file, stats } = found;
      try {
        const end = Math.min(range?.end ?? Number.POSITIVE_INFINITY, Number(stats.size));
        const bytes = await onDisk(doing, () => readPart(file, range?.start ?? 0, end));
        return { bytes, generation: generationOf(stats) };
      } finally {
        await file.close();
      }
    });
  }

  async stream(name: ObjectName, start = 0, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    checkRange({ start, end: start });
    return this.#call('reading', name, signal, async (path, doing) => {
      const found = await this.#open(path, doing);
      return found && pieces(found.file, start, Number(found.stats.size), doing, signal);
    });
  }

  info(name: ObjectName, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#call('looking at', name, signal, async (path, doing) => {
      const stats = await onDisk(doing, () => statsOf(path));
      if (stats?.isFile()) return infoOf({ name, stats });
      await this.#root.check();
      return undefined;
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
    const doing = `listing ${JSON.stringify(checkPrefix(prefix))} in ${this.address}`;
    try {
      await this.#root.checkFolder(prefix.split('/').slice(0, -1));
      for await (const file of walk(this.address, prefix)) {
        signal?.throwIfAborted();
        yield infoOf(file);
      }
      await this.#root.check();
    } catch (cause) {
      throw folderError(doing, interrupted(doing, signal, cause));
    }
  }

  delete(name: ObjectName, signal?: AbortSignal): Promise<void> {
    return this.#call('removing', name, signal, (path, doing) =>
      this.#lock.hold(() => onDisk(doing, () => removeIfThere(path)), signal),
    );
  }

  async erase(spared: readonly string[], signal?: AbortSignal): Promise<Erased> {
    const doing = `removing everything in ${this.address}`;
    return underSignal(doing, signal, async () => {
      await this.#root.check();
      const work = () =>
        onDisk(doing, async () => {
          await this.#spare.remove();
          return eraseFolder(this.address, [LOCK, ...spared], signal);
        });
      const erased = await this.#lock.hold(work, signal);
      if (spared.length === 0) await onDisk(doing, () => removeTree(join(this.address, LOCK))); // the next holding makes it anew
      return erased;
    });
  }

  async isEmpty(signal?: AbortSignal): Promise<boolean> {
    const doing = `looking whether anything is in ${this.address}`;
    return underSignal(doing, signal, async () => {
      await this.#root.check();
      const names = await onDisk(doing, () => readdir(this.address));
      return names.every((name) => name === LOCK || name === DRAFTS || name.startsWith(SPARE));
    });
  }

  /** Does something with the path of an object; errors say what was being done. */
  #call<T>(
    verb: string,
    name: ObjectName,
    signal: AbortSignal | undefined,
    call: (path: string, doing: string) => Promise<T>,
  ): Promise<T> {
    const doing = `${verb} ${name} in ${this.address}`;
    return underSignal(doing, signal, async () => call(await this.#root.pathOf(name), doing));
  }

  async #open(path: string, doing: string): ReturnType<typeof openIfThere> {
    const found = await onDisk(doing, () => openIfThere(path));
    if (found === undefined) await this.#root.check();
    return found;
  }

  /** Writes a draft, and removes it afterwards if it did not become an object. */
  async #withDraft<T>(
    body: Body,
    linking: boolean,
    signal: AbortSignal | undefined,
    use: (draft: string) => Promise<T>,
  ): Promise<T> {
    const draft = await this.#drafts.write(body, signal);
    try {
      if (linking) await onDisk('dating a draft', () => this.#stamp(draft));
      signal?.throwIfAborted();
      return await use(draft);
    } finally {
      await this.#drafts.discard(draft);
    }
  }

  #stamp(draft: string): Promise<void> {
    return stamp(draft, this.#ports.clock.now(), this.#ports.random);
  }

  /** Whether this folder has hard links: tried once. */
  #canLink(): Promise<boolean> {
    this.#linking ??= this.#tryLink().catch((cause: unknown) => {
      this.#linking = undefined;
      throw cause;
    });
    return this.#linking;
  }

  async #tryLink(): Promise<boolean> {
    const draft = await this.#drafts.write(new Uint8Array());
    const other = `${draft}-linked`;
    try {
      await link(draft, other);
      return true;
    } catch (cause) {
      if (noLinks.includes(systemCode(cause))) return false;
      throw folderError(`trying hard links in ${this.address}`, cause);
    } finally {
      await this.#drafts.discard(other);
      await this.#drafts.discard(draft);
    }
  }
}

function infoOf({ name, stats }: FoundFile): ObjectInfo {
  return { name, bytes: Number(stats.size), generation: generationOf(stats) };
}

/** The rest of a file. It is closed at the end, or when who reads it ends early. */
async function* pieces(
  file: FileHandle,
  start: number,
  size: number,
  doing: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for (let at = start; at < size; at += PIECE_BYTES) {
      signal?.throwIfAborted();
      yield await onDisk(doing, () => readPart(file, at, Math.min(at + PIECE_BYTES, size)));
    }
  } catch (cause) {
    throw interrupted(doing, signal, cause);
  } finally {
    await file.close();
  }
}
