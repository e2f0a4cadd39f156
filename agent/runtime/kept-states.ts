/**
 * The states from before each change of version, for the way back: which snapshot of the vault has each. A record is one
 * file, `ID.json`; its snapshot is whole in the bucket before the record is there. A copy of all records lies within the state:
 * the way back is there on another disk, too.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfExists, syncFolder, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { z } from 'zod';
import { discard } from '../beside-state.ts';
import { readInState, writeInState } from '../in-state.ts';

const schema = z.object({
  /** Also a file's name. */
  id: z.string().regex(/^[\w-]{1,100}$/),
  /** Version that last wrote the state. */
  version: z.string(),
  atMillis: z.number(),
  /** Under which it was stored. */
  stored: z.string(),
});

/** A kept state. */
export type KeptState = z.infer<typeof schema>;

/** Where states are stored: the tenant's vault. */
export interface StateArchive {
  /**
   * Stores the state, which nobody writes, as it is now; the name under which it is brought back. Names sort in the order in which
   * states were stored.
   */
  store(signal: AbortSignal): Promise<string>;
  /** Brings what was stored, or what lies below `path` in it, into a folder that is not there yet. It is whole or absent. */
  bring(stored: string, target: string, path: string | undefined, signal: AbortSignal): Promise<void>;
}

/** How many are kept: the way back from the newest change, and from the two before it. */
const KEEP = 3;

/** Below the state: OpenClaw's own database, by which a version tells whether it can open a state. */
const DATABASE_FOLDER = 'state';

/** What keeping takes. */
export type KeptStatesPorts = {
  /** The folder of records. */
  readonly folder: string;
  /** The copy of them within the state. */
  readonly copy: string;
  /** A folder for what is thrown away after. */
  readonly tmp: string;
  readonly archive: StateArchive;
};

/** The kept states of one tenant. */
export class KeptStates {
  readonly #ports: KeptStatesPorts;

  constructor(ports: KeptStatesPorts) {
    this.#ports = ports;
  }

  /** Every one, newest first. */
  async list(): Promise<KeptState[]> {
    const records = await Promise.all((await this.#ids()).map((id) => this.#read(id)));
    return records.flatMap((record) => record ?? []).sort(newestFirst);
  }

  /** Stores a state that nobody writes. Done before under this id: nothing to do, the state may have been written since. */
  async keep(kept: Omit<KeptState, 'stored'>, signal: AbortSignal): Promise<void> {
    if ((await this.#read(kept.id)) !== undefined) return;
    const stored = await this.#ports.archive.store(signal);
    await this.#write({ ...kept, stored });
  }

  /** Takes over those that the copy has and this disk has not. */
  async takeOver(): Promise<void> {
    const text = await readInState(this.#ports.copy);
    const copied = text === undefined ? undefined : parseRecord(z.array(schema), text);
    for (const kept of copied ?? []) if ((await this.#read(kept.id)) === undefined) await this.#write(kept);
    if (copied !== undefined) await this.prune();
  }

  /** Brings the state's copy up to date, as after the state was exchanged. */
  async copyIntoState(): Promise<void> {
    const records = await this.list();
    if (records.length > 0) await writeInState(this.#ports.copy, JSON.stringify(records));
  }

  /** Puts a kept state in the place of the one at `state`, which nobody writes. Safe to call again after a crash anywhere. */
  async restore(id: string, state: string, signal: AbortSignal): Promise<void> {
    const record = schema.parse(await this.#read(id)); // it was listed, or kept by the same upgrade
    await replaceFolder(state, (incoming) => this.#ports.archive.bring(record.stored, incoming, undefined, signal));
  }

  /** Lends a folder that has the database of a kept state, laid out as in a state. */
  async withDatabase<T>(kept: KeptState, use: (state: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const lent = join(this.#ports.tmp, `kept-${kept.id}`);
    await removeTree(lent); // of an agent that was killed
    await mkdir(lent, { recursive: true, mode: 0o700 });
    try {
      await this.#ports.archive.bring(kept.stored, join(lent, DATABASE_FOLDER), DATABASE_FOLDER, signal);
      return await use(lent);
    } finally {
      await removeTree(lent);
    }
  }

  /** Forgets all but the newest. */
  async prune(): Promise<void> {
    for (const { id } of (await this.list()).slice(KEEP)) await rm(this.#file(id), { force: true });
  }

  /** Nothing was kept yet: none. */
  async #ids(): Promise<string[]> {
    try {
      const names = await readdir(this.#ports.folder);
      return names.flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return [];
      throw cause;
    }
  }

  /** Undefined also for a file that is no record: one that is damaged takes none of the others away. */
  async #read(id: string): Promise<KeptState | undefined> {
    const text = await readFileIfExists(this.#file(id));
    return text === undefined ? undefined : parseRecord(schema, text);
  }

  async #write(kept: KeptState): Promise<void> {
    await mkdir(this.#ports.folder, { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.#file(kept.id), JSON.stringify(kept));
  }

  #file(id: string): string {
    return join(this.#ports.folder, `${id}.json`);
  }
}

/**
 * Puts a folder that `bring` makes in the place of another. Safe to call again after a crash at any point:
 *
 *   folder, -      ──bring──▶ folder, incoming ──▶ aside, incoming ──▶ folder (new), aside ──▶ folder (new), -
 */
export async function replaceFolder(folder: string, bring: (target: string) => Promise<void>): Promise<void> {
  const [incoming, aside] = [`${folder}.incoming`, `${folder}.aside`];
  // With an aside the incoming one is whole already: the folder is only moved once it is.
  if (!(await exists(aside))) {
    await removeTree(incoming);
    await bring(incoming);
    if (await exists(folder)) await rename(folder, aside);
    else await mkdir(aside);
  }
  if (await exists(incoming)) await rename(incoming, folder);
  await syncFolder(join(folder, '..'));
  await discard(aside, folder);
}

/** Takes back a replacement that a crash cut off while there was nothing in the folder's place; it is done anew from there. */
export async function undoCutOff(folder: string): Promise<void> {
  const aside = `${folder}.aside`;
  if (!(await exists(folder)) && (await exists(aside))) await rename(aside, folder);
}

/** In the order of storing: a clock may have been wrong for one. Two of one name are one state. */
function newestFirst(one: KeptState, other: KeptState): number {
  if (one.stored === other.stored) return other.atMillis - one.atMillis;
  return one.stored < other.stored ? 1 : -1;
}

async function exists(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    (cause: unknown) => {
      if (systemCode(cause) === 'ENOENT') return false;
      throw cause;
    },
  );
}

function parseRecord<T>(as: z.ZodType<T>, text: string): T | undefined {
  try {
    return as.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
