/** Reads the manifests of a chain one after the other, the next ones already on their way, and goes on after a broken one. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectDamaged, objectMissing } from '../errors.ts';
import { readManifest, type SealedManifest } from '../format/manifest.ts';
import type { PackRow, TreeRow } from '../format/manifest-body.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import type { Pack } from '../format/pack-table.ts';
import { RowApplier } from '../tree/apply-rows.ts';
import { emptyTree, type TreeIndex } from '../tree/tree-index.ts';
import { onlyDamage } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** What was found of one manifest. */
export type Link = {
  readonly ref: ManifestRef;
  /** The snapshot's tree, which the next link changes; undefined when it, or one that it descends from, is broken. */
  readonly tree: TreeIndex | undefined;
  /** What is broken: this manifest, one that is missing before it, or both. */
  readonly damages: readonly OpenCraneError[];
  /** Length of the manifest; 0 when it could not be read. */
  readonly bytes: number;
};

/** Sees each row, and the packs it may name, by their places; undefined are those whose frames a broken manifest told. */
export type OnRow = (row: TreeRow, packs: readonly (Pack | undefined)[]) => void;

/** Manifests on their way at once. */
const FETCHES = 12;

/** Walks a chain from its full manifest on. Throws what is no damage: a bucket that is away, a wrong key. */
export async function* walkChain(
  vault: Vault,
  links: readonly ManifestRef[],
  onRow: OnRow,
  signal: AbortSignal,
): AsyncGenerator<Link> {
  let before: Before = { name: null, tree: emptyTree() };
  for await (const { ref, manifest, damage } of fetchAhead(vault, links, signal)) {
    const link = manifest ? await examine(manifest, before, onRow) : lost(ref, damage);
    yield link;
    before = { name: ref.name, tree: link.tree };
  }
}

/** The link before. */
type Before = { readonly name: ObjectName | null; readonly tree: TreeIndex | undefined };

async function examine(manifest: SealedManifest, before: Before, onRow: OnRow): Promise<Link> {
  const { ref, bytes } = manifest;
  const gap = gapBefore(manifest, before.name);
  const tree = gap ? undefined : before.tree;
  const unfit = await readRows(manifest, tree, onRow).then(() => undefined, onlyDamage);
  return { ref, bytes, tree: unfit ? undefined : tree, damages: [gap, unfit].filter((damage) => damage !== undefined) };
}

function lost(ref: ManifestRef, damage: OpenCraneError | undefined): Link {
  return { ref, tree: undefined, damages: damage ? [damage] : [], bytes: 0 };
}

type Fetched = { readonly ref: ManifestRef; readonly manifest?: SealedManifest; readonly damage?: OpenCraneError };

async function* fetchAhead(vault: Vault, links: readonly ManifestRef[], signal: AbortSignal): AsyncGenerator<Fetched> {
  const fetch = (ref: ManifestRef): Promise<Fetched> => {
    const fetched = readManifest(vault, ref, signal).then(
      (manifest) => ({ ref, manifest }),
      (cause: unknown) => ({ ref, damage: onlyDamage(cause) }),
    );
    fetched.catch(() => {}); // awaited when it is its turn
    return fetched;
  };
  const underWay: Promise<Fetched>[] = [];
  for (const ref of links) {
    underWay.push(fetch(ref));
    const first = underWay.length < FETCHES ? undefined : underWay.shift();
    if (first) yield await first;
  }
  for (const rest of underWay) yield await rest;
}

/** The manifest that should come before this one, when another or none does. */
function gapBefore({ ref, summary }: SealedManifest, before: ObjectName | null): OpenCraneError | undefined {
  if (summary.depth === 0) return undefined;
  if (summary.parent === null) return objectDamaged(ref.name, 'it is a delta of nothing');
  if (summary.parent === before) return undefined;
  return objectMissing(summary.parent, `${ref.name} descends from it`);
}

/** Reads it to its end, and applies it when there is a tree to apply it to. */
async function readRows(manifest: SealedManifest, tree: TreeIndex | undefined, onRow: OnRow): Promise<void> {
  const packs = await manifest.packs();
  try {
    const applier = tree && new RowApplier(tree, packs);
    const known = packs.map((row) => packOf(row, tree));
    for await (const rows of manifest.rows()) {
      for (const row of rows) {
        applier?.apply(row);
        onRow(row, known);
      }
    }
  } catch (cause) {
    if (cause instanceof OpenCraneError) throw cause;
    throw objectDamaged(manifest.ref.name, 'it does not fit onto its parent', cause);
  }
}

function packOf(row: PackRow, tree: TreeIndex | undefined): Pack | undefined {
  const number = tree?.packs.numberOf(row[0]);
  if (tree && number !== undefined) return tree.packs.get(number);
  if (row.length !== 4) return undefined;
  const [id, bytes, sealed, plain] = row;
  return { id, bytes, sealed: Uint32Array.from(sealed), plain: Uint32Array.from(plain) };
}
