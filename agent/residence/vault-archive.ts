/** The vault as the place where states are kept before a change of version. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { parseObjectName } from '../bucket/layout.ts';
import type { StateArchive } from '../runtime/kept-states.ts';
import { findSnapshot } from '../vault/history/find-snapshot.ts';
import { restore } from '../vault/restore/restore.ts';
import type { Residence } from './residence.ts';

/** What it takes. */
export type VaultArchivePorts = {
  readonly residence: () => Pick<Residence, 'atHome' | 'snapshotAlone' | 'newestSnapshot'>;
  /** Awaited at `restore:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly clock: Clock;
};

/** Keeps states as snapshots. */
export function vaultArchive({ residence, onStep, clock }: VaultArchivePorts): StateArchive {
  return {
    async store(signal) {
      await residence().snapshotAlone('upgrade', signal); // OpenClaw is stopped
      const newest = residence().newestSnapshot; // the one just taken, or an earlier one when nothing had changed since
      if (newest !== undefined) return newest;
      throw new OpenCraneError('failed_precondition', 'nothing_to_keep', 'keeping the state: there is none yet');
    },
    async bring(stored, target, path, signal) {
      const { vault, pruner } = await residence().atHome();
      await pruner.reading(async () => {
        const snapshot = await findSnapshot(vault, { by: 'name', name: parseObjectName(stored) }, signal);
        if (snapshot === undefined)
          throw new OpenCraneError('not_found', 'snapshot_not_found', `${stored} is not there`);
        const request = { snapshot, target, ...(path !== undefined && { path }) };
        await restore(vault, request, { clock, onStep, onProgress: () => {} }, signal);
      });
    },
  };
}
