/**
 * Brings a snapshot back in the place of the state, and loses nothing by it:
 *
 *   snapshot ▶ restored beside ▶ OpenClaw drained ▶ snapshot ▶ in doubt ▶ exchanged ▶ certain ▶ OpenClaw ready ▶ snapshot
 *                                                              └─ an agent that starts here brings the snapshot before back
 *
 * Most is stored and restored while OpenClaw serves on. What was there is kept beside until OpenClaw is ready on what was
 * brought back; when it does not become ready, it is put back. One at a time: whoever calls has the turn (arbiter/conflicts.ts).
 */
import { isAbort, messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { readHead } from '../format/head.ts';
import { type ManifestRef, manifestRef } from '../format/object-ids.ts';
import { restore } from '../restore/restore.ts';
import type { SnapshotResult } from '../snapshot/snapshotter.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { Vault } from '../vault.ts';
import type { LiveState, VaultCommandPorts } from './ports.ts';
import { StateSwap } from './state-swap.ts';

/** What was brought back. */
export type RestoredInPlace = {
  readonly snapshot: ManifestRef;
  readonly files: number;
  readonly bytes: number;
  /** What is not as it was, in words. */
  readonly notes: readonly string[];
  readonly downtimeMillis: number;
  /** The snapshot of what was replaced. */
  readonly before: ManifestRef | undefined;
};

/** How far the exchange has come. */
type Stage = 'untouched' | 'exchanging' | 'exchanged' | 'live';

/** Restores a snapshot, or the folder at `path` of it, in its own place. */
export async function restoreInPlace(
  choose: () => Promise<ManifestRef>,
  path: string,
  live: LiveState,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<RestoredInPlace> {
  const { vault, pruner, assertHeld, onStep, newId } = ports;
  const swap = new StateSwap(live.folder, path, newId());
  assertHeld();
  let before: ManifestRef | undefined;
  let stage: Stage = 'untouched';
  const exchange = async (takeLast: LiveState['takeSnapshot']) => {
    before = await newestAfter(vault, await takeLast('request', signal), signal);
    await onStep('replace:stored');
    assertHeld();
    stage = 'exchanging';
    await live.setInDoubt(true);
    await onStep('replace:doubted');
    await swap.exchange(() => onStep('replace:aside'));
    await onStep('replace:exchanged');
    await live.setInDoubt(false);
    stage = 'exchanged';
    await onStep('replace:certain');
  };
  try {
    const restored = await pruner.reading(async () => restoreBeside(await choose(), path, swap, ports, signal));
    await live.storeAhead(signal); // most of what the last one would have to store
    await onStep('replace:restored');
    ports.report('replace', 'exchanging the state');
    const { downtimeMillis } = await live.replaceState(exchange, signal);
    stage = 'live';
    await swap.clear().catch(leaveIt(ports));
    await storeWhatIsLive(live, path === '' ? 'restore' : 'request', signal);
    return { ...restored, downtimeMillis, before };
  } catch (cause) {
    throw await afterFailure(stage, swap, live, cause, signal);
  }
}

/** What was there before may hold what cannot be removed, such as a mount. It is no part of the state, and tried again at the next boot. */
function leaveIt({ report }: Pick<VaultCommandPorts, 'report'>): (cause: unknown) => void {
  return (cause) => report('replace', `what was there before stays beside the state: ${messageOf(cause)}`);
}

/** Leaves the state as it was, or as it was brought back; what is to be told. */
async function afterFailure(
  stage: Stage,
  swap: StateSwap,
  live: LiveState,
  cause: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  switch (stage) {
    case 'untouched':
      // An agent that stops leaves it to the next one, which clears away what is beside a state that is certain.
      if (!signal.aborted) await swap.clear().catch(() => {});
      return cause;
    case 'exchanging':
      return undone(swap, live, cause);
    case 'exchanged':
      // An agent that stops waits no longer; OpenClaw starts on what was brought back.
      return isAbort(cause) ? cause : undone(swap, live, cause);
    case 'live':
      return cause;
  }
}

async function restoreBeside(
  snapshot: ManifestRef,
  path: string,
  swap: StateSwap,
  { vault, clock, onStep, report }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<Pick<RestoredInPlace, 'snapshot' | 'files' | 'bytes' | 'notes'>> {
  if (path !== '') await refuseFile(vault, snapshot, path, signal);
  const onProgress = (done: number, total: number) => report('restore', 'restoring beside the state', done, total);
  const request = { snapshot, target: swap.broughtBack, ...(path === '' ? {} : { path }) };
  const { files, bytes, notes } = await restore(vault, request, { clock, onStep, onProgress }, signal);
  return { snapshot, files, bytes, notes };
}

/** A database has files beside it that belong to what is replaced. */
async function refuseFile(vault: Vault, snapshot: ManifestRef, path: string, signal: AbortSignal): Promise<void> {
  const { tree } = await loadSnapshot(vault, snapshot, undefined, signal);
  const entry = tree.entries.get(path);
  if (entry === undefined || entry.kind === 'folder') return;
  throw new OpenCraneError(
    'invalid_argument',
    'path_no_folder',
    `${path} is no folder in snapshot ${snapshot.sequence}`,
    {
      field: 'path',
      mend: 'restore the folder that it is in, or restore it into a folder beside the state',
    },
  );
}

async function newestAfter(
  vault: Vault,
  taken: SnapshotResult | undefined,
  signal: AbortSignal,
): Promise<ManifestRef | undefined> {
  return taken ? manifestRef(taken.manifest) : (await readHead(vault, signal))?.newest;
}

/** Puts back what was there, and says why. Not to be broken off any more. */
async function undone(swap: StateSwap, live: LiveState, cause: unknown): Promise<OpenCraneError> {
  const { code, reason, message, field, mend } = toOpenCraneError(cause, 'bringing the state back');
  const putBack = async () => {
    await live.setInDoubt(true);
    await swap.undo();
    await live.setInDoubt(false);
  };
  try {
    await live.replaceState(putBack, new AbortController().signal);
  } catch (second) {
    const what = `${message}; then, putting back what was there before: ${messageOf(second)}`;
    return new OpenCraneError('internal', 'restore_half_undone', what, {
      mend: 'restart the agent; what was there before is the newest snapshot, or the one before it',
      cause,
    });
  }
  await swap.clear().catch(() => {}); // as after any other exchange, the next boot says what it cannot remove
  return new OpenCraneError(code, reason, `${message}; what was there before has been put back`, {
    field,
    mend,
    cause,
  });
}

/** A part that was brought back says nothing about the rest: `restore` would (loss/loss-watch.ts). */
async function storeWhatIsLive(live: LiveState, reason: 'restore' | 'request', signal: AbortSignal): Promise<void> {
  try {
    await live.takeSnapshot(reason, signal);
  } catch (cause) {
    const { code, reason, message, mend } = toOpenCraneError(cause, 'taking a snapshot');
    const what = `the state was brought back and OpenClaw runs on it, but that is not in the bucket yet: ${message}`;
    throw new OpenCraneError(code, reason, what, { mend: mend || 'the agent tries again by itself', cause });
  }
}
