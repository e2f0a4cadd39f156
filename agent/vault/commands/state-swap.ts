/**
 * Exchanges the state, or a folder in it, for what was restored beside it:
 *
 *   state, brought back ──▶ replaced, brought back ──▶ replaced, state      and back
 *
 * Between the two steps there is no state. Who starts then must know that (`setInDoubt` in ports.ts). Each exchange has names of
 * its own beside the state, so that none clears away what another has there.
 */
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '../restore/remove-tree.ts';

/** The exchange of one folder. */
export class StateSwap {
  /** Where what is restored goes at first. */
  readonly broughtBack: string;
  readonly #place: string;
  readonly #replaced: string;

  /** `path` is relative to the state; empty for all of it. `id` is this exchange's own, of letters, digits and `-`. */
  constructor(state: string, path: string, id: string) {
    this.broughtBack = `${state}.brought-back-${id}`;
    this.#replaced = `${state}.replaced-${id}`;
    this.#place = path === '' ? state : join(state, path);
  }

  /** Removes what this exchange has beside the state. */
  async clear(): Promise<void> {
    await removeTree(`${this.broughtBack}.restoring`);
    await removeTree(this.broughtBack);
    await removeTree(this.#replaced);
  }

  /** Puts what was brought back in the place of what is there. `aside` is awaited while there is nothing in that place. */
  async exchange(aside: () => Promise<void> | void): Promise<void> {
    if (await exists(this.#place)) await rename(this.#place, this.#replaced);
    else await mkdir(dirname(this.#place), { recursive: true, mode: 0o700 });
    await aside();
    await rename(this.broughtBack, this.#place);
    await this.#sync();
  }

  /** Undoes the exchange, as far as it came. */
  async undo(): Promise<void> {
    if (!(await exists(this.broughtBack))) await rename(this.#place, this.broughtBack);
    if (await exists(this.#replaced)) await rename(this.#replaced, this.#place);
    await this.#sync();
  }

  async #sync(): Promise<void> {
    for (const folder of new Set([dirname(this.#place), dirname(this.#replaced)])) await syncFolder(folder);
  }
}

/**
 * What exchanges of former agents have left beside a state. It is rubbish only once the state is certain, and there: until then it
 * may be all that there is.
 */
export async function leftByExchanges(state: string): Promise<string[]> {
  const names = await readdir(dirname(state));
  const left = new RegExp(`^${RegExp.escape(basename(state))}\\.(brought-back|replaced)(-[\\w-]+)?(\\.restoring)?$`);
  return names.filter((name) => left.test(name)).map((name) => join(dirname(state), name));
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
