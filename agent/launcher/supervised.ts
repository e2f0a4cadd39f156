/** What the supervisor knows of the OpenClaw it parents, for whoever asks or watches. */
import type { ProcessEnd, StartOrder } from './openclaw-process.ts';
import { idle, type LauncherState } from './state.ts';

/** How the last process ended. */
export type LastExit = ProcessEnd & { readonly pid: number; readonly restartRequested: boolean };

/** What is known at one moment. */
export type Supervised = {
  readonly state: LauncherState;
  readonly order: StartOrder | undefined;
  readonly lastExit: LastExit | undefined;
  /** How often OpenClaw was started since the launcher began. */
  readonly starts: number;
  /** Since when it is in this state, on the wall clock. */
  readonly sinceAt: number;
  /** When it is started again, on the wall clock; undefined while no start waits for its time. */
  readonly nextTryAt: number | undefined;
};

/** What a supervisor knows when it begins. */
export function nothingYet(now: number): Supervised {
  return { state: idle, order: undefined, lastExit: undefined, starts: 0, sinceAt: now, nextTryAt: undefined };
}
