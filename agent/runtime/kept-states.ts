/**
 * Copies of the tenant's state from before each change of version, for the way back. A copy is `ID/state` beside
 * `ID/kept.json`; it is made under another name and renamed when it is whole. Copies share blocks with the original
 * where the file system can.
 */
import { constants } from 'node:fs';
import { cp, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { readFileIfExists, syncFolder } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const schema = z.object({
  id: z.string(),
  /** Version that last wrote the state. */
  version: z.string(),
  atMillis: z.number(),
});

/** A kept state. */
export type KeptState = z.infer<typeof schema>;

/** How many are kept: the way back from the newest change, and from the two before it. */
const KEEP = 3;

/** Below the state: what OpenClaw makes anew, or what belongs to a process that is gone. */
const left = ['cache/control-ui-assets', 'tmp'];

const PARTIAL = '.partial';

/** The kept states of one tenant. */
export class KeptStates {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Every whole one, newest first. */
  async list(): Promise<KeptState[]> {
    const names = await this.#names();
    const records = await Promise.all(
      names.map(async (name) => {
        const text = await readFileIfExists(join(this.#folder, name, 'kept.json'));
        return text === undefined || name.endsWith(PARTIAL) ? [] : [schema.parse(JSON.parse(text))];
      }),
    );
    return records.flat().sort((a, b) => b.atMillis - a.atMillis);
  }

  /** Where the copy is. */
  directory(id: string): string {
    return join(this.#folder, id, 'state');
  }

  /** Copies a state that nobody writes. Done before under this id: nothing to do. A state that is not there yet is an empty one. */
  async keep(state: string, kept: KeptState): Promise<void> {
    const target = join(this.#folder, kept.id);
    if ((await readFileIfExists(join(target, 'kept.json'))) !== undefined) return;
    const partial = `${target}${PARTIAL}`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    try {
      await copyState(state, join(partial, 'state'));
      await writeFile(join(partial, 'kept.json'), JSON.stringify(kept), { mode: 0o600, flush: true });
      await rename(partial, target);
    } catch (cause) {
      await rm(partial, { recursive: true, force: true });
      throw cause;
    }
    await syncFolder(this.#folder);
  }

  /** Removes all but the newest, and what a crash left half copied. */
  async prune(): Promise<void> {
    const old = (await this.list()).slice(KEEP).map(({ id }) => id);
    const partial = (await this.#names()).filter((name) => name.endsWith(PARTIAL));
    for (const name of [...old, ...partial]) await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  /** Nothing was kept yet: none. */
  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return [];
      throw cause;
    }
  }
}

/**
 * Puts a copy in the place of the state. Safe to call again after a crash at any point:
 *
 *   state, -      ──copy──▶ state, incoming ──▶ aside, incoming ──▶ state (new), aside ──▶ state (new), -
 */
export async function restoreState(state: string, copy: string): Promise<void> {
  const [incoming, aside] = [`${state}.incoming`, `${state}.aside`];
  // With an aside the copy is whole already: the state is only moved once it is.
  if (!(await exists(aside))) {
    await rm(`${incoming}${PARTIAL}`, { recursive: true, force: true });
    await rm(incoming, { recursive: true, force: true });
    await copyState(copy, `${incoming}${PARTIAL}`);
    await rename(`${incoming}${PARTIAL}`, incoming);
    if (await exists(state)) await rename(state, aside);
    else await mkdir(aside);
  }
  if (await exists(incoming)) await rename(incoming, state);
  await rm(aside, { recursive: true, force: true });
}

async function copyState(from: string, to: string): Promise<void> {
  if (!(await exists(from))) {
    await mkdir(to, { recursive: true, mode: 0o700 });
    return;
  }
  await cp(from, to, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
    errorOnExist: true,
    force: false,
    mode: constants.COPYFILE_FICLONE,
    filter: (source) => belongs(from, source),
  });
}

/** Sockets and pipes cannot be copied and mean nothing without the process that made them. */
async function belongs(root: string, source: string): Promise<boolean> {
  const path = relative(root, source).split(sep).join('/');
  if (left.includes(path)) return false;
  const found = await lstat(source);
  return found.isFile() || found.isDirectory() || found.isSymbolicLink();
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (cause: unknown) => {
      if (systemCode(cause) === 'ENOENT') return false;
      throw cause;
    },
  );
}
