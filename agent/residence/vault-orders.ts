/** Carries out the coordinator's orders about the vault, on the vault and the state that this agent lives with. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { VaultCommand, VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import type { Fence } from '../fence/fence.ts';
import type { Reporter } from '../supervise/progress.ts';
import { carryOutVaultCommand } from '../vault/commands/carry-out.ts';
import type { Retention } from '../vault/prune/retention.ts';
import { writeLineage } from './lineage.ts';
import type { Residence } from './residence.ts';

/** What carrying out takes. */
export type VaultOrdersPorts = {
  readonly residence: Residence;
  readonly fence: Pick<Fence, 'assertHeld' | 'epoch'>;
  readonly retention: Retention;
  /** Snapshots that are kept at any age. */
  readonly pinned: () => Promise<ReadonlySet<ObjectName>>;
  readonly folders: { readonly state: string; readonly lineage: string; readonly data: string; readonly tmp: string };
  /** Drains OpenClaw, does `work` while it is down and nobody else takes a snapshot, and starts it again. */
  readonly exchange: (work: () => Promise<void>, signal: AbortSignal) => Promise<{ readonly downtimeMillis: number }>;
  /** Takes the archive that the order of this id asked for. */
  readonly sendArchive: (commandId: string, pieces: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly report: () => Reporter;
  /** Awaited at steps of what is carried out. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly newId: () => string;
  readonly clock: Clock;
};

/** The orders of one tenant. */
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
    const { residence, fence, retention, pinned, folders, sendArchive, onStep, newId, clock, report } = this.#ports;
    const { signal } = this.#stop;
    const { vault, pruner } = await residence.atHome();
    const reporter = report();
    const setInDoubt = (restoring: boolean) =>
      writeLineage(folders.lineage, { vault: vault.keys.vaultId, epoch: fence.epoch, restoring });
    try {
      return await carryOutVaultCommand(
        command,
        {
          vault,
          pruner,
          retention,
          pinned,
          assertHeld: () => fence.assertHeld(),
          live: {
            folder: folders.state,
            takeSnapshot: (reason, stop) => residence.snapshot(reason, stop),
            replaceState: (work, stop) =>
              this.#ports.exchange(() => work((reason, inner) => residence.snapshot(reason, inner)), stop),
            setInDoubt,
          },
          folder: folders.data,
          scratchFolder: folders.tmp,
          sendArchive: (pieces) => sendArchive(commandId, pieces),
          report: reporter,
          onStep,
          newId,
          clock,
        },
        signal,
      );
    } finally {
      reporter.finish();
    }
  }
}
