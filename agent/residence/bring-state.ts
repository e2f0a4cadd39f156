/** Has the tenant's newest state on this disk: the one that is here already, or the one in the vault. */
import { existsSync, readdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { discard } from '../beside-state.ts';
import type { Fence } from '../fence/fence.ts';
import { undoCutOff } from '../runtime/kept-states.ts';
import type { Reporter } from '../supervise/progress.ts';
import { adoptHead, checkedHead } from '../vault/format/head.ts';
import { restore } from '../vault/restore/restore.ts';
import { SeenLog } from '../vault/snapshot/seen-log.ts';
import type { Vault } from '../vault/vault.ts';
import { decideState, readLineage, type StateDecision, writeLineage } from './lineage.ts';

/** What bringing a state takes. */
type BringPorts = {
  readonly folders: { readonly state: string; readonly lineage: string; readonly seenLog: string };
  readonly fence: Pick<Fence, 'assertHeld'>;
  readonly report: Reporter;
  /** Forgets what this disk knows of the tenant: another one has had it since. Called again after a crash. */
  readonly forgetOld: () => Promise<void>;
  /** Awaited at steps, as `boot:STEP`, `restore:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly clock: Clock;
  readonly log: Logger;
};

type Snapshot = Parameters<typeof restore>[1]['snapshot'];

/** Brings it; says in words what is not as it was. `onRestoring` is told when it comes from the vault. Cut off at any step, it goes on when called again. */
export async function bringState(
  ports: BringPorts,
  vault: Vault,
  epoch: number,
  onRestoring: () => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { folders, fence, onStep } = ports;
  const head = await checkedHead(vault, signal);
  await undoCutOff(folders.state); // of an upgrade that goes on later
  const lineage = await readLineage(folders.lineage);
  const decision = decideState({
    lineage,
    vault: vault.keys.vaultId,
    epoch,
    hasState: hasEntries(folders.state),
    head: head && { epoch: head.epoch, hasSnapshot: head.newest !== undefined },
  });
  const restoring = decision === 'restore';
  const aside = restoring && lineage?.aside === true;
  if (isOfAnotherDisk(decision, lineage?.epoch, epoch)) await ports.forgetOld(); // before the lineage says otherwise
  const remember = (now: { readonly restoring: boolean; readonly aside: boolean }) =>
    writeLineage(folders.lineage, { vault: vault.keys.vaultId, epoch, ...now });
  await remember({ restoring, aside });
  await onStep('boot:decided');
  fence.assertHeld();
  const { newest } = await adoptHead(vault, epoch, signal);
  await onStep('boot:adopted');
  if (!restoring || newest === undefined) return [];
  onRestoring();
  await clearPlace(ports, aside);
  await remember({ restoring, aside: true });
  const notes = await restoreNewest(ports, vault, newest, signal);
  await remember({ restoring: false, aside: false });
  await onStep('boot:restored');
  return notes;
}

/** A disk that wrote under this very epoch knows more than the snapshot that it lost its state for. */
function isOfAnotherDisk(decision: StateDecision, wroteUnder: number | undefined, epoch: number): boolean {
  return decision === 'restore' && wroteUnder !== epoch;
}

/** What was on this disk is kept beside, until that happens again: its last seconds may be nowhere else. */
async function clearPlace({ folders, onStep, log }: BringPorts, isAside: boolean): Promise<void> {
  if (isAside) await discard(folders.state, folders.state); // of a restore that was cut off
  if (!hasEntries(folders.state)) return;
  const leftBehind = `${folders.state}.left-behind`;
  await discard(leftBehind, folders.state);
  await rename(folders.state, leftBehind);
  await onStep('boot:aside');
  log.warn({ leftBehind }, 'another machine wrote since; the state that was here is kept beside');
}

async function restoreNewest(
  { folders, clock, onStep, report }: BringPorts,
  vault: Vault,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const onProgress = (done: number, total: number) => report('restore', 'bringing the state back', done, total);
  const request = { snapshot, target: folders.state };
  const { seen, notes } = await restore(vault, request, { clock, onStep, onProgress }, signal);
  if (seen) await new SeenLog(folders.seenLog, vault.keys.vaultId, folders.state).write(seen);
  return notes;
}

function hasEntries(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}
