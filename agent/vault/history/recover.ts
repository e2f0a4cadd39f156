/**
 * Makes a good snapshot the newest again, when the head or what it names is damaged, missing or old:
 *
 *   nothing was written after it ─────────────────────────────▶ head
 *   something was ──▶ a full manifest of the same tree, after all ──▶ head
 *
 * Nothing is removed, and nothing that was written is changed but for the head. Killed in between, what is left is a manifest
 * that no head named; calling it again ends it.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { checkedHead, pointHeadAt, readHead } from '../format/head.ts';
import { createManifest, readSummary, sealManifest } from '../format/manifest.ts';
import { listManifests, type ManifestRef, newManifestRef } from '../format/object-ids.ts';
import { describeFull } from '../tree/describe-tree.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { measure } from '../tree/tree-index.ts';
import { onlyDamage, unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';
import { isGood, newestGood } from './good-snapshot.ts';

/** What recovering takes. Whoever calls holds the tenant's lease. */
export type RecoverPorts = {
  /** Of the lease. */
  readonly epoch: number;
  /** Throws when the lease is not held; asked before each write. */
  readonly assertHeld: () => void;
  /** Awaited after each step, as `recover:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly clock: Pick<Clock, 'now'>;
};

/** What came of it. */
export type Recovered = {
  /** The snapshot whose tree is now that of the newest. */
  readonly of: ManifestRef;
  /** The newest from now on: that one, or a copy of it. */
  readonly newest: ManifestRef;
  /** False when all was well: then nothing was written. */
  readonly changed: boolean;
};

/** Recovers to the snapshot of a number, or to the newest good one. Throws when there is none. */
export async function recover(
  vault: Vault,
  wanted: number | undefined,
  ports: RecoverPorts,
  signal: AbortSignal,
): Promise<Recovered> {
  const refs = await listManifests(vault.bucket, undefined, signal);
  const of = await chosen(vault, refs, wanted, signal);
  if (await isNewest(vault, of, signal)) return { of, newest: of, changed: false };
  const isLast = refs.at(-1)?.sequence === of.sequence;
  const newest = isLast ? of : await copyAfter(vault, refs, of, ports, signal);
  await ports.onStep('recover:manifest');
  ports.assertHeld();
  await pointHeadAt(vault, newest, ports.epoch, signal);
  await ports.onStep('recover:done');
  return { of, newest, changed: true };
}

/** The last epoch under which anything was written that can be read; 0 when there is nothing. A damaged head tells of none. */
export async function lastEpoch(vault: Vault, signal: AbortSignal): Promise<number> {
  const head = await readHead(vault, signal).catch(unlessUnreadable);
  const refs = await listManifests(vault.bucket, undefined, signal);
  for (const ref of refs.reverse()) {
    const summary = await readSummary(vault, ref, signal).catch(unlessUnreadable);
    if (summary) return Math.max(summary.epoch, head?.epoch ?? 0);
  }
  return head?.epoch ?? 0;
}

async function chosen(
  vault: Vault,
  refs: readonly ManifestRef[],
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<ManifestRef> {
  if (wanted === undefined)
    return (await newestGood(vault, signal)) ?? noneGood('no snapshot of the last ones is good');
  for (const ref of refs.filter(({ sequence }) => sequence === wanted))
    if (await isGood(vault, ref, signal)) return ref;
  return noneGood(`there is no good snapshot ${wanted}`);
}

/** Whether the head is sound and names this very snapshot. */
async function isNewest(vault: Vault, { name }: ManifestRef, signal: AbortSignal): Promise<boolean> {
  const head = await checkedHead(vault, signal).catch((cause: unknown) => {
    if (!(cause instanceof OpenCraneError && cause.reason === 'head_replayed')) onlyDamage(cause);
    return undefined;
  });
  return head?.newest?.name === name;
}

/** The same tree once more, after everything that is there: an older one that the head named would be taken for a replay. */
async function copyAfter(
  vault: Vault,
  refs: readonly ManifestRef[],
  of: ManifestRef,
  { epoch, assertHeld, clock }: RecoverPorts,
  signal: AbortSignal,
): Promise<ManifestRef> {
  const { tree, summary } = await loadSnapshot(vault, of, undefined, signal);
  const last = refs.reduce((latest, ref) => (ref.sequence > latest.sequence ? ref : latest), of);
  const facts = { sequence: last.sequence + 1, depth: 0, clockMillis: clock.now() };
  const ref = newManifestRef(facts, vault.random);
  const { rows, packs } = describeFull(tree, { set: new Map(), removed: new Set() }, tree.packs.count);
  const size = { ...measure(tree.entries), changedBytes: 0, packedBytes: 0 };
  const { openclawVersion, watch } = summary;
  const kept = watch && { watch }; // it says nothing about a loss
  const { sequence, depth, clockMillis: takenAtMillis } = facts;
  const about = {
    ...{ sequence, depth, takenAtMillis },
    ...kept,
    ...size,
    parent: of.name,
    base: null,
    epoch,
    reason: 'restore',
    openclawVersion,
  } as const;
  const object = await sealManifest(vault, ref, about, rows, packs);
  assertHeld();
  await createManifest(vault, ref, object, signal);
  return ref;
}

function noneGood(what: string): never {
  throw new OpenCraneError('data_loss', 'no_good_snapshot', what, {
    field: 'snapshot',
    mend: 'see what is damaged with "opencrane vault verify", and bring it back from a copy of the bucket',
  });
}
