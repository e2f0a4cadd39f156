/**
 * What lies beside a tenant's state for a while: what an exchange brought, and what it took away.
 *
 * Taken away are also folders of former states that cannot be removed: a tenant does not wait for them. They are looked for at
 * each boot, which says what it cannot remove.
 */
import { randomBytes } from 'node:crypto';
import { lstat, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';

/** Where an exchange puts what it brings, and what was there. `id` is its own, of letters, digits and `-`. */
export function besideState(state: string, id: string): { readonly broughtBack: string; readonly replaced: string } {
  return { broughtBack: `${state}.brought-back-${id}`, replaced: `${state}.replaced-${id}` };
}

/**
 * What exchanges of former agents have left beside a state. It is rubbish only once the state is certain, and there: until then it
 * may be all that there is.
 */
export async function leftBesideState(state: string): Promise<string[]> {
  const names = await readdir(dirname(state));
  const left = new RegExp(`^${RegExp.escape(basename(state))}\\.(brought-back|replaced)(-[\\w-]+)?(\\.restoring)?$`);
  return names.filter((name) => left.test(name)).map((name) => join(dirname(state), name));
}

/** Has a folder that is needed no more out of its place, in one step, and removes it: now, or at a later boot. */
export async function discard(path: string, state: string): Promise<void> {
  const { replaced } = besideState(state, randomBytes(6).toString('hex'));
  if (!(await isThere(path))) return;
  await rename(path, replaced);
  await removeTree(replaced).catch(() => {}); // the sweep of the next boot says why
}

/** Whether there is something of that name. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (cause: unknown) => {
      if (systemCode(cause) === 'ENOENT') return false;
      throw cause;
    },
  );
}
