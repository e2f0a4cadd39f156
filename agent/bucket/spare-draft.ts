/**
 * A file that a folder keeps so that a small object, such as the lease, can be replaced where the disk has no room for a draft.
 *
 *   write      the body into ~spare, whose block it has already
 *   hand over  name ──link──▶ ~spare-next,  ~spare ──rename──▶ name,  ~spare-next ──rename──▶ ~spare
 *
 * So the file that had the name is the next spare, and no step needs room. A crash in between leaves the name with the old
 * content or the new. Only where there are hard links; whoever calls holds the folder's lock.
 */
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import type { Generation } from './bucket.ts';
import { moveTo } from './folder-files.ts';

/** Its name, and with what it begins while it changes hands; `~` is in no object's name. */
export const SPARE = '~spare';

/** A block of most file systems. */
const MOST_BYTES = 4096;

/** The spare of one folder. */
export class SpareDraft {
  readonly #path: string;
  readonly #next: string;
  #isKept = false;

  constructor(root: string) {
    this.#path = join(root, SPARE);
    this.#next = join(root, `${SPARE}-next`);
  }

  /** Whether a body may fit. */
  takes(body: Uint8Array): boolean {
    return body.length <= MOST_BYTES;
  }

  /** Sees to it that there is one. A disk without room gets one later. */
  async keep(): Promise<void> {
    if (this.#isKept) return;
    this.#isKept = await this.#make().catch(() => false);
  }

  /** Removes it, with whatever a crash has left of it. */
  async remove(): Promise<void> {
    this.#isKept = false;
    for (const path of [this.#next, this.#path]) await rm(path, { force: true });
  }

  /** Writes a body into it, durably; its path, or undefined when there is none. */
  async write(body: Uint8Array): Promise<string | undefined> {
    await this.#tidy();
    const file = await open(this.#path, 'r+').catch(unlessMissing);
    if (file === undefined) return undefined;
    try {
      await file.write(body, 0, body.length, 0);
      await file.truncate(body.length);
      await file.sync();
    } finally {
      await file.close();
    }
    return this.#path;
  }

  /** Puts it in the place of an object. */
  async moveTo(path: string): Promise<Generation> {
    await link(path, this.#next);
    const generation = await moveTo(this.#path, path);
    await rename(this.#next, this.#path);
    return generation;
  }

  /** After a crash: `next` may still be the object itself, which must not be written to. */
  async #tidy(): Promise<void> {
    const next = await lstat(this.#next).catch(unlessMissing);
    if (next === undefined) return;
    if (next.nlink === 1) await rename(this.#next, this.#path);
    else await rm(this.#next, { force: true });
  }

  async #make(): Promise<boolean> {
    const known = await lstat(this.#path).catch(unlessMissing);
    if (known !== undefined && known.size > 0) return true;
    const file = await open(this.#path, 'w', 0o600);
    try {
      await file.writeFile(Buffer.alloc(MOST_BYTES, ' '));
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  }
}

function unlessMissing(cause: unknown): undefined {
  if (systemCode(cause) !== 'ENOENT') throw cause;
}
