/** Which databases there are, when one may have several names (hard links). */
import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { isFile } from '../tree/entries.ts';
import { pathForSystem } from '../tree/path-text.ts';
import type { CapturedDatabase } from './database-source.ts';
import { looksSeen } from './seen-files.ts';
import type { ManyNamed, NamesPorts } from './several-names.ts';

/** A database, and the name under which it is captured. */
export type DatabaseNames = { readonly path: string; readonly names: readonly string[] };

/** One that was captured. */
export type NamedDatabase = DatabaseNames & { readonly captured: CapturedDatabase };

/**
 * Each database once. SQLite keeps what is not in the file yet beside the name that a program opened, so that is the name it is
 * captured under, and what is beside it comes to be in the file under all names, as a checkpoint would have it. With something
 * beside two names they are two contents for one file, and are kept as two files: so nothing is lost.
 */
export function* databasesOf(
  root: string,
  paths: readonly string[],
  manyNamed: ReadonlyMap<string, ManyNamed>,
): Generator<DatabaseNames> {
  const known = new Set<string>();
  for (const path of paths) {
    if (known.has(path)) continue;
    const names = manyNamed.get(path)?.names ?? [path];
    for (const name of names) known.add(name);
    const beside = names.length === 1 ? names : names.filter((name) => hasBeside(`${root}/${name}`));
    if (beside.length > 1) yield* names.map((name) => ({ path: name, names: [name] }));
    else yield { path: beside[0] ?? names[0] ?? path, names };
  }
}

function hasBeside(full: string): boolean {
  return ['-wal', '-journal'].some((suffix) => sizeOf(`${full}${suffix}`) > 0);
}

/** Of what cannot be looked at nobody knows more than that nothing can be read from it either. */
function sizeOf(full: string): number {
  try {
    return lstatSync(pathForSystem(full), { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

/** What is known of a database beside its content, which was read; undefined when it is gone, or cannot be looked at any more. */
export function databaseStats(full: string): BigIntStats | undefined {
  try {
    return statSync(pathForSystem(full), { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whether a database is still the very file that the vault restored: then it need not be read to know what is in it. */
export function isAsRestored(
  { root, tree, seen }: NamesPorts,
  path: string,
  { whole, pages, pageBytes }: CapturedDatabase,
): boolean {
  const entry = tree.entries.get(path);
  if (!whole || !isFile(entry) || entry.size !== pages * pageBytes || entry.chunkBytes !== pageBytes) return false;
  const look = (suffix: string) => lstatSync(pathForSystem(`${root}/${path}${suffix}`), { throwIfNoEntry: false });
  try {
    const stats = look('');
    return (
      stats !== undefined &&
      looksSeen(seen.files.get(path), stats) &&
      ['-wal', '-journal'].every((suffix) => (look(suffix)?.size ?? 0) === 0)
    );
  } catch {
    return false; // reading it says why
  }
}
