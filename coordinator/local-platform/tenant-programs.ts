/** The programs of one tenant: kept together, stopped in order. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { isLocked } from './alive.ts';
import type { Program } from './program.ts';

/** An OpenClaw without its launcher ends itself within 10 s (agent/launcher/guard.mjs). */
const ORPHAN_MILLIS = 20_000;
const LOOK_MILLIS = 50;

/** The parts. */
export type TenantProgramsParts = {
  readonly tenant: string;
  readonly agent: Pick<Program, 'keep' | 'stop' | 'leave'>;
  readonly launcher: Pick<Program, 'keep' | 'stop' | 'leave' | 'wasFound'>;
  /** Held by OpenClaw's own process while it lives. */
  readonly gatewayLock: string;
  readonly clock: Clock;
};

/** The programs. */
export class TenantPrograms {
  readonly #parts: TenantProgramsParts;

  constructor(parts: TenantProgramsParts) {
    this.#parts = parts;
  }

  /** Keeps them running; resolves when they were found or started. */
  async keep(): Promise<void> {
    await Promise.all([this.#parts.launcher.keep(), this.#parts.agent.keep()]);
  }

  /** Whether its OpenClaw may have been running before we came. */
  get wereFound(): boolean {
    return this.#parts.launcher.wasFound;
  }

  /** Keeps them no longer, and lets them run on. */
  leave(): void {
    this.#parts.launcher.leave();
    this.#parts.agent.leave();
  }

  /**
   * Stops them, and OpenClaw with them; throws when OpenClaw lives on. The launcher goes first, as in a pod: the agent
   * then finds OpenClaw gone, and has all that it wrote in the bucket before it ends.
   */
  async stop(hurry: AbortSignal): Promise<void> {
    const { agent, launcher, gatewayLock, clock, tenant } = this.#parts;
    await launcher.stop(hurry);
    const deadline = clock.monotonic() + ORPHAN_MILLIS;
    while (isLocked(gatewayLock)) {
      if (clock.monotonic() > deadline) throw stillRuns(tenant, gatewayLock);
      await clock.sleep(LOOK_MILLIS);
    }
    await agent.stop(hurry);
  }
}

function stillRuns(tenant: string, lock: string): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'state_in_use', `stopping ${tenant}: its OpenClaw does not end`, {
    field: lock,
    mend: 'end the process that holds this lock by hand',
  });
}
