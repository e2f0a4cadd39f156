/**
 * Reads a vault back, byte by byte: the head, the manifests, and each frame that a snapshot needs, once however many do. What
 * is authentic is what was written, so a database in it need not be opened to know that it is sound.
 *
 *   head ▶ manifests, chain by chain ▶ frames, pack by pack ──broken ones──▶ manifests again: which snapshots need them
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ReportProgress } from '../../appliers/applier.ts';
import { objectDamaged } from '../errors.ts';
import { listManifests, type ManifestRef } from '../format/object-ids.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { checkTree } from '../tree/apply-rows.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { type Chain, chainsTo } from './chains.ts';
import { checkPacks, type DamagedPack } from './check-packs.ts';
import { type Damaged, Damages } from './damages.ts';
import { NeededFrames, packName, sealedBytes } from './needed-frames.ts';
import { snapshotsWith } from './snapshots-with.ts';
import { walkChain } from './walk-chain.ts';

/** What was found. */
export type Verified = {
  /** Snapshots that were read. */
  readonly snapshots: number;
  /** Bytes that came from the bucket. */
  readonly bytes: number;
  /** What is damaged, by name. */
  readonly damaged: readonly Damaged[];
  /** The newest of them that is whole. */
  readonly newestWhole: ManifestRef | undefined;
};

/** Verifies one snapshot, or every one that is kept. */
export async function verify(
  vault: Vault,
  snapshot: ManifestRef | undefined,
  report: ReportProgress,
  signal: AbortSignal,
): Promise<Verified> {
  const damages = new Damages();
  const all = await snapshotsOf(vault, damages, signal);
  const wanted = snapshot ? [all.find(({ name }) => name === snapshot.name) ?? snapshot] : all;
  const chains = chainsTo(wanted, snapshot && !all.includes(snapshot) ? [...all, ...wanted] : all);
  const needed = new NeededFrames();
  let bytes = 0;
  for (const chain of chains) {
    await readChain(vault, chain, needed, damages, signal, (read) => {
      bytes += read;
      report('manifests', `reading ${wanted.length} snapshots`, bytes);
    });
  }
  const frames = needed.wanted();
  const total = frames.reduce((sum, one) => sum + sealedBytes(one), 0);
  let done = 0;
  const onBytes = (read: number) => {
    done += read;
    report('content', `reading ${frames.length} packs`, done, total);
  };
  const packs = await checkPacks(vault, frames, onBytes, signal);
  if (packs.length > 0) await addPacks(vault, chains, packs, damages, signal);
  const damaged = damages.list();
  const broken = new Set(damaged.flatMap(({ sequences }) => sequences));
  const newestWhole = wanted.findLast(({ sequence }) => !broken.has(sequence));
  return { snapshots: wanted.length, bytes: bytes + done, damaged, newestWhole };
}

/** Every snapshot. When the head does not tell which manifests are some, each is taken for one. */
async function snapshotsOf(vault: Vault, damages: Damages, signal: AbortSignal): Promise<ManifestRef[]> {
  try {
    return await listSnapshots(vault, signal);
  } catch (cause) {
    const isDamage =
      cause instanceof OpenCraneError && (cause.code === 'data_loss' || cause.reason === 'head_replayed');
    if (!isDamage) throw cause;
    damages.add(cause, []);
    return listManifests(vault.bucket, undefined, signal);
  }
}

async function readChain(
  vault: Vault,
  { links, wanted }: Chain,
  needed: NeededFrames,
  damages: Damages,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let isGathering = false; // what is told before the first wanted snapshot may be gone by then
  const onRow: Parameters<typeof walkChain>[2] = (row, packs) => {
    if (isGathering) needed.addRow(row, packs);
  };
  for await (const { ref, tree, damages: found, bytes } of walkChain(vault, links, onRow, signal)) {
    onBytes(bytes);
    const later = [...wanted].filter(({ sequence }) => sequence >= ref.sequence);
    for (const damage of found) damages.add(damage, later);
    if (!wanted.has(ref)) continue;
    if (tree && (!isGathering || ref === links.at(-1))) {
      const unfit = checked(ref, tree);
      if (unfit) damages.add(unfit, later);
      else needed.addTree(tree);
    }
    isGathering = true;
  }
}

function checked({ name }: ManifestRef, tree: TreeIndex): OpenCraneError | undefined {
  try {
    checkTree(tree);
    return undefined;
  } catch (cause) {
    return objectDamaged(name, 'it lists what cannot be', cause);
  }
}

async function addPacks(
  vault: Vault,
  chains: readonly Chain[],
  packs: readonly DamagedPack[],
  damages: Damages,
  signal: AbortSignal,
): Promise<void> {
  const needing = await snapshotsWith(vault, chains, packs, signal);
  for (const { wanted, damage } of packs) {
    damages.add(damage, needing.get(wanted.pack.id) ?? [], packName(wanted.pack));
  }
}
