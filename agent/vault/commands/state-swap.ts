/**
 * Exchanges the state, or a folder in it, for what was restored beside it:
 *
 *   state, brought back ──▶ replaced, brought back ──▶ replaced, state      and back
 *
 * Between the two steps there is no state. Who starts then must know that (`setInDoubt` in ports.ts).
 */
import { lstat, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '../restore/remove-tree.ts';

/** The exchange of one folder. */
export class StateSwap {
  /** Where what is restored goes at first. */
  readonly broughtBack: string;
  readonly #place: string;
  readonly #replaced: string;

  /** `path` is relative to the state; empty for all of it. */
  constructor(state: string, path: string) {
    this.broughtBack = `${state}.brought-back`;
    this.#replaced = `${state}.replaced`;
    this.#place = path === '' ? state : join(state, path);
  }

  /** Removes what is beside the state: of an exchange that is over, or that was cut off. */
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

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (cause: unknown) => {
      if (systemCode(cause) === 'ENOENT') return false;
      throw cause;
    },
  );
}
