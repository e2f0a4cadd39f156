/** The folder that is a bucket: that it is still the one it was, and where in it an object lies. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { ObjectName } from './bucket.ts';
import { folderError, onDisk } from './folder-errors.ts';
import { statsOf } from './folder-walk.ts';
import { parseObjectName } from './layout.ts';

/** The root of one bucket. */
export class FolderRoot {
  readonly path: string;
  #device: bigint | undefined;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /**
   * Throws unless the folder is there and on the file system it was on at first. A mount that is gone leaves an empty folder
   * behind: nothing may be written there, and nothing concluded from what is missing in it.
   */
  async check(): Promise<void> {
    const device = await this.#deviceNow();
    this.#device ??= device;
    if (device === this.#device) return;
    throw new OpenCraneError(
      'unavailable',
      'bucket_moved',
      `${this.path} is on another file system than when it was opened`,
      { mend: 'mount the bucket there again, and then start the agent again' },
    );
  }

  /** The path of an object, checked: within the folder whatever the name, and with no link on the way. */
  async pathOf(name: ObjectName): Promise<string> {
    const parts = parseObjectName(name).split('/');
    await this.checkFolder(parts.slice(0, -1));
    return join(this.path, ...parts);
  }

  /** Checks the root, and that none of the folders below it that lead to an object is a link. */
  async checkFolder(parts: readonly string[]): Promise<void> {
    await this.check();
    let path = this.path;
    for (const part of parts) {
      path = join(path, part);
      const at = path;
      const stats = await onDisk(`looking at ${at}`, () => statsOf(at));
      if (!stats?.isSymbolicLink()) continue;
      throw new OpenCraneError('failed_precondition', 'bucket_shape', `${path} is a link`, {
        mend: 'put the folder itself there; links could lead out of the bucket',
      });
    }
  }

  async #deviceNow(): Promise<bigint> {
    try {
      const found = await stat(this.path, { bigint: true });
      if (found.isDirectory()) return found.dev;
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') throw folderError(`looking at ${this.path}`, cause);
    }
    throw new OpenCraneError('not_found', 'bucket_missing', `${this.path} is not a folder`, {
      mend: 'make the folder, or mount the bucket there',
    });
  }
}
