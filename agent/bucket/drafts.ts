/**
 * Files of a folder that are not objects yet: written whole and durable before they get a name.
 *
 * They lie in a folder of their own whose name no object can have. What a kill leaves there is removed once it is old.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { piecesOf } from './body.ts';
import type { Body } from './bucket.ts';
import { onDisk } from './folder-errors.ts';

/** The folder of drafts in a bucket: `~` is in no object's name. */
export const DRAFTS = '~drafts';

/** A draft that nobody has written to for so long has no writer; one that is written has a recent time of change. */
const OLD_MILLIS = 3_600_000;

/** The drafts of one folder. */
export class Drafts {
  readonly #folder: string;
  readonly #clock: Clock;
  #swept = Number.NEGATIVE_INFINITY;

  constructor(root: string, clock: Clock) {
    this.#folder = join(root, DRAFTS);
    this.#clock = clock;
  }

  /** Writes a body; its content is on disk when this resolves. Gives the draft's path. An error of the body passes through. */
  async write(body: Body, signal?: AbortSignal): Promise<string> {
    await this.#prepare();
    const path = join(this.#folder, randomBytes(12).toString('hex'));
    const file = await onDisk('making a draft', () => open(path, 'wx', 0o600));
    try {
      await fill(file, body, signal);
      await onDisk('closing a draft', () => file.close());
    } catch (cause) {
      // Removed before it is closed: gcsfuse would make an object of what was written, but not of a file that is gone.
      await this.discard(path);
      await file.close().catch(() => undefined);
      throw cause;
    }
    return path;
  }

  /** Removes a draft, if it is still one. Failing is no loss: the next sweep takes it. */
  async discard(path: string): Promise<void> {
    await unlink(path).catch(() => undefined);
  }

  async #prepare(): Promise<void> {
    await onDisk('making the folder of drafts', () => mkdir(this.#folder, { recursive: true, mode: 0o700 }));
    const now = this.#clock.monotonic();
    if (now - this.#swept < OLD_MILLIS) return;
    this.#swept = now;
    await onDisk('looking for old drafts', () => this.#sweep());
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const age = this.#clock.now() - ((await modified(path)) ?? Number.POSITIVE_INFINITY);
      if (age > OLD_MILLIS) await removeTree(path);
    }
  }
}

async function fill(file: FileHandle, body: Body, signal: AbortSignal | undefined): Promise<void> {
  for await (const piece of piecesOf(body, signal)) {
    await onDisk('writing a draft', () => file.writeFile(piece));
  }
  await onDisk('writing a draft', () => file.sync());
}

/** Undefined when another process was faster to remove it. */
async function modified(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}
