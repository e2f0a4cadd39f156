/**
 * Exchanges the state, or a folder in it, for what was restored beside it:
 *
 *   state, brought back ──▶ replaced, brought back ──▶ replaced, state      and back
 *
 * Between the two steps there is no state. Who starts then must know that (`setInDoubt` in ports.ts). Each exchange has names of
 * its own beside the state, so that none clears away what another has there.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { moveTree } from '@opencrane/kit/move-tree.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { besideState, isThere } from '../../beside-state.ts';

/** The exchange of one folder. */
export class StateSwap {
  /** Where what is restored goes at first. */
  readonly broughtBack: string;
  readonly #place: string;
  readonly #replaced: string;

  /** `path` is relative to the state; empty for all of it. `id` is this exchange's own, of letters, digits and `-`. */
  constructor(state: string, path: string, id: string) {
    const { broughtBack, replaced } = besideState(state, id);
    [this.broughtBack, this.#replaced] = [broughtBack, replaced];
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
    if (await isThere(this.#place)) await moveTree(this.#place, this.#replaced);
    else await mkdir(dirname(this.#place), { recursive: true, mode: 0o700 });
    await aside();
    await moveTree(this.broughtBack, this.#place);
    await this.#sync();
  }

  /** Undoes the exchange, as far as it came. */
  async undo(): Promise<void> {
    if (!(await isThere(this.broughtBack))) await moveTree(this.#place, this.broughtBack);
    if (await isThere(this.#replaced)) await moveTree(this.#replaced, this.#place);
    await this.#sync();
  }

  async #sync(): Promise<void> {
    for (const folder of new Set([dirname(this.#place), dirname(this.#replaced)])) await syncFolder(folder);
  }
}
