/**
 * What the agent remembers of the tenant besides its state: what serves, what is managed, the ways back. Each record lies on the
 * disk, and in the state for the disk that the tenant comes to next (docs/adr/0014-records-travel-with-the-state.md).
 *
 *   state restored here after another disk had it ──▶ forget ──▶ take over ──▶ (each start of OpenClaw) copy into the state
 */
import type { Logger } from '@opencrane/kit/logging.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import type { ConfigFiles } from '../config/config-files.ts';
import type { ServingRecordFile } from '../converge/serving-record.ts';
import type { KeptStates } from '../runtime/kept-states.ts';
import type { UpgradeJournal } from '../runtime/upgrade-journal.ts';

/** The records. */
export type AgentRecordsPorts = {
  readonly serving: Pick<ServingRecordFile, 'forget' | 'takeOver' | 'copyIntoState'>;
  readonly config: Pick<ConfigFiles, 'forget' | 'takeOver'>;
  readonly kept: Pick<KeptStates, 'takeOver' | 'copyIntoState'>;
  readonly journal: Pick<UpgradeJournal, 'clear'>;
  readonly log: Logger;
};

/** All of them together. Each of these may be done again after a crash. */
export class AgentRecords {
  readonly #ports: AgentRecordsPorts;

  constructor(ports: AgentRecordsPorts) {
    this.#ports = ports;
  }

  /** Another disk has had the tenant since. An upgrade that was cut off here is over: going back would undo what was said there. */
  async forget(): Promise<void> {
    const { serving, config, journal } = this.#ports;
    await journal.clear();
    await config.forget();
    await serving.forget(); // kept states stay: their snapshots are in the same vault
  }

  /** Once the tenant's newest state is here: takes over from it what this disk does not know. */
  async takeOver(): Promise<void> {
    const { serving, config, kept } = this.#ports;
    const managed = await config.takeOver();
    await kept.takeOver();
    await serving.takeOver(managed);
  }

  /** Brings the copies in the state up to date. A disk without room for them keeps no tenant from starting. */
  async copyIntoState(): Promise<void> {
    const { serving, kept, log } = this.#ports;
    try {
      await kept.copyIntoState();
      await serving.copyIntoState();
    } catch (cause) {
      if (!isLackOfTheMachine(cause)) throw cause;
      log.warn({ err: cause }, 'what the agent knows could not be written into the state');
    }
  }
}
