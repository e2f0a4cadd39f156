/** Reads a snapshot's tree: its full manifest and the deltas on top of it, which are fetched at once and applied in order. */

import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectDamaged, objectMissing } from '../errors.ts';
import { readManifest, type SealedManifest, type Summary } from '../format/manifest.ts';
import type { TreeRow } from '../format/manifest-body.ts';
import { listManifests, type ManifestRef } from '../format/object-ids.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import type { Vault } from '../vault.ts';
import { checkTree, RowApplier } from './apply-rows.ts';
import { emptyTree, type TreeIndex } from './tree-index.ts';

/** A snapshot that was read. */
export type LoadedSnapshot = {
  readonly ref: ManifestRef;
  readonly summary: Summary;
  readonly tree: TreeIndex;
  /** Lengths of the full manifest, and of the deltas since together. */
  readonly fullBytes: number;
  readonly deltaBytes: number;
};

/** What a caller that looks on sees: each row of each manifest, from the full one on. */
export type OnRow = (ref: ManifestRef, row: TreeRow) => void;

/** Manifests fetched at once. They are small; what counts is the way to the bucket and back. */
const FETCHES = 12;

/** Loads a snapshot. A broken chain names the manifest that is missing or damaged. */
export async function loadSnapshot(
  vault: Vault,
  ref: ManifestRef,
  onRow: OnRow = () => {},
  signal?: AbortSignal,
): Promise<LoadedSnapshot> {
  const chain = await fetchChain(vault, ref, signal);
  const tree = emptyTree();
  for (const manifest of chain) await applyManifest(tree, manifest, onRow);
  try {
    checkTree(tree);
  } catch (cause) {
    throw objectDamaged(ref.name, 'it lists what cannot be', cause);
  }
  const [full, ...deltas] = chain.map(({ bytes }) => bytes);
  const tip = chain.at(-1)?.summary;
  if (full === undefined || tip === undefined) throw objectMissing(ref.name, 'its chain is empty');
  return { ref, summary: tip, tree, fullBytes: full, deltaBytes: deltas.reduce((sum, bytes) => sum + bytes, 0) };
}

async function applyManifest(tree: TreeIndex, manifest: SealedManifest, onRow: OnRow): Promise<void> {
  const { ref } = manifest;
  const packs = await manifest.packs();
  try {
    const applier = new RowApplier(tree, packs);
    for await (const rows of manifest.rows()) {
      for (const row of rows) {
        applier.apply(row);
        onRow(ref, row);
      }
    }
  } catch (cause) {
    if (cause instanceof OpenCraneError) throw cause;
    throw objectDamaged(ref.name, 'it does not fit onto its parent', cause);
  }
}

/** From the full one to `ref`. */
async function fetchChain(vault: Vault, ref: ManifestRef, signal: AbortSignal | undefined): Promise<SealedManifest[]> {
  const ancestors = ref.depth === 0 ? [] : await mayBeAncestors(vault, ref, signal);
  const fetched = await mapConcurrently([ref, ...ancestors], FETCHES, (one) => fetchOne(vault, one, signal));
  const byName = new Map(fetched.map((one) => [one.name, one]));
  const chain: SealedManifest[] = [];
  for (let next = fetched[0]; next; ) {
    if ('failure' in next) throw next.failure;
    const { manifest } = next;
    chain.push(manifest);
    const { parent, depth } = manifest.summary;
    if (depth === 0) break;
    if (parent === null) throw objectDamaged(manifest.ref.name, 'it is a delta of nothing');
    next = byName.get(parent);
    if (!next) throw objectMissing(parent, `${manifest.ref.name} descends from it`);
  }
  return chain.reverse();
}

type Fetched = { readonly name: ObjectName } & ({ readonly manifest: SealedManifest } | { readonly failure: unknown });

/** A failure counts only when the manifest turns out to be in the chain. */
async function fetchOne(vault: Vault, ref: ManifestRef, signal: AbortSignal | undefined): Promise<Fetched> {
  const { name } = ref;
  return readManifest(vault, ref, signal).then(
    (manifest) => ({ name, manifest }),
    (failure: unknown) => ({ name, failure }),
  );
}

/** Those in the range of numbers that the name tells. A writer that was stopped may have left one beside the right one. */
async function mayBeAncestors(
  { bucket }: Vault,
  ref: ManifestRef,
  signal: AbortSignal | undefined,
): Promise<ManifestRef[]> {
  const first = ref.sequence - ref.depth;
  const refs = await listManifests(bucket, { first, last: ref.sequence - 1 }, signal);
  return refs.filter(({ sequence, depth }) => depth === sequence - first);
}
