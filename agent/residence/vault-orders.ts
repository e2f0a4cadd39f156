/** Carries out the coordinator's orders about the vault, on the vault and the state that this agent lives with. */
import { existsSync } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { VaultCommand, VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { StateArbiter } from '../arbiter/state-arbiter.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import type { Fence } from '../fence/fence.ts';
import type { VaultSeen } from '../health/vault-component.ts';
import type { Reporter } from '../supervise/progress.ts';
import { carryOutVaultCommand } from '../vault/commands/carry-out.ts';
import type { LiveState, VaultCommandPorts } from '../vault/commands/ports.ts';
import type { Retention } from '../vault/prune/retention.ts';
import { whySlow } from '../vault/snapshot/reading-progress.ts';
import type { Unread } from '../vault/snapshot/unread.ts';
import type { Residence } from './residence.ts';
import type { StateDoubt } from './state-doubt.ts';

/** What carrying out takes. */
export type VaultOrdersPorts = {
  readonly residence: Pick<Residence, 'atHome' | 'snapshot' | 'snapshotAlone' | 'seen'>;
  readonly fence: Pick<Fence, 'assertHeld'>;
  readonly arbiter: StateArbiter;
  readonly doubt: StateDoubt;
  readonly retention: Retention;
  /** Snapshots that are kept at any age. */
  readonly pinned: () => Promise<ReadonlySet<ObjectName>>;
  readonly folders: { readonly state: string; readonly data: string; readonly tmp: string };
  /** Drains OpenClaw, does `work` while it is down, and starts it again. */
  readonly exchange: (work: () => Promise<void>, signal: AbortSignal) => Promise<{ readonly downtimeMillis: number }>;
  /** Takes the archive that the order of this id asked for. */
  readonly sendArchive: (commandId: string, pieces: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly report: () => Reporter;
  /** Awaited at steps of what is carried out. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly newId: () => string;
  readonly clock: Clock;
};

/** What was begun is ended: OpenClaw is down meanwhile. */
const never = new AbortController().signal;

/** The orders of one tenant. Any number may be given at once; each has its turn (arbiter/conflicts.ts). */
export class VaultOrders {
  readonly #ports: VaultOrdersPorts;
  readonly #stop = new AbortController();

  constructor(ports: VaultOrdersPorts) {
    this.#ports = ports;
  }

  /** The agent stops: what is under way is given up. */
  stop(): void {
    this.#stop.abort('the agent stops');
  }

  /** Carries one out, once the tenant is at home. */
  async carryOut(commandId: string, command: VaultCommand): Promise<VaultResult> {
    const { residence, arbiter, report } = this.#ports;
    const { signal } = this.#stop;
    const { vault, pruner } = await residence.atHome();
    const reporter = report();
    const onWait = (what: string) => reporter('wait', what);
    const carryOut = () =>
      carryOutVaultCommand(command, { ...this.#commandPorts(commandId, reporter, onWait), vault, pruner }, signal);
    try {
      return await (replacesState(command) ? arbiter.during('restore', { signal, onWait }, carryOut) : carryOut());
    } finally {
      reporter.finish();
    }
  }

  #commandPorts(
    commandId: string,
    report: Reporter,
    onWait: (what: string) => void,
  ): Omit<VaultCommandPorts, 'vault' | 'pruner'> {
    const { fence, retention, pinned, folders, sendArchive, onStep, newId, clock } = this.#ports;
    return {
      retention,
      pinned,
      assertHeld: () => fence.assertHeld(),
      live: this.#live(onWait),
      folder: folders.data,
      scratchFolder: folders.tmp,
      sendArchive: (pieces) => sendArchive(commandId, pieces),
      report,
      onStep,
      newId,
      clock,
    };
  }

  #live(onWait: (what: string) => void): LiveState {
    const { residence, arbiter, doubt, folders, exchange } = this.#ports;
    const isThere = () => existsSync(folders.state);
    return {
      folder: folders.state,
      takeSnapshot: (reason, stop) => residence.snapshot(reason, stop, onWait),
      unread: () => notStoredNow(residence.seen),
      async storeAhead(stop) {
        if (isThere() && arbiter.may('snapshot')) await residence.snapshot('request', stop, onWait);
      },
      replaceState: (work, stop) =>
        exchange(
          () =>
            arbiter.during('exchange', { signal: never, onWait }, () =>
              // A state that is not there is what the restore mends; there is nothing of it to be stored.
              work(async (reason, inner) => (isThere() ? residence.snapshotAlone(reason, inner) : undefined)),
            ),
          stop,
        ),
      async setInDoubt(is) {
        await doubt.set(is);
        arbiter.changed();
      },
    };
  }
}

/** A restore in place. Into a folder beside it, a snapshot is only read. */
function replacesState({ command }: VaultCommand): boolean {
  return command.case === 'restore' && command.value.into === '';
}

/** What the newest snapshot has not of the state, in the words of those that cannot be read. */
function notStoredNow(seen: VaultSeen): readonly Unread[] {
  if (seen.state !== 'kept') return [];
  return [...seen.unread, ...seen.slow.map((file) => ({ path: file.path, why: whySlow(file) }))];
}
