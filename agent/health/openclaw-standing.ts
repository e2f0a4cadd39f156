/**
 * How OpenClaw stands, as a pure function of what was observed of its process and of its gateway:
 *
 *   process            gateway                                        stands
 *   not known          –                                              STARTING   the launcher does not answer yet
 *   down, wanted       –                                              STARTING
 *   down, drained      –                                              STOPPED
 *   on its way         –                                              STARTING   nothing failed: a start or a restart that was asked for
 *   waits to restart   –                                              DEGRADED   how it ended, how often, when the next try is
 *   given up           –                                              FAILED     how it ended
 *   up                 not yet, and within its time to start          STARTING   (DEGRADED when the starts before this one failed)
 *   up                 not yet, and past its time to start            DEGRADED   since when
 *   up                 answered, and then no more                     DEGRADED   since when
 *   up                 started                                        HEALTHY, or DEGRADED with what /readyz complains about
 */
import { describeEnd, timeOfDay } from '@opencrane/kit/program-end.ts';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** What was seen of the gateway's probes; absent while nothing answered. */
export type ProbesSeen = {
  readonly live: boolean;
  readonly started: boolean;
  readonly ready: boolean;
  readonly version: string;
  /** What `/readyz` complains about. */
  readonly failing: readonly string[];
};

/** How a process of OpenClaw ended. */
type ExitSeen = {
  /** Exit code; -1 when a signal ended it, or it could not be started. */
  readonly code: number;
  readonly signal: string;
  /** What it wrote last. */
  readonly output: string;
};

/** What was seen of OpenClaw's process through the launcher. Moments are in milliseconds since the epoch. */
export type ProcessSeen = {
  readonly state: 'idle' | 'running' | 'stopping' | 'restarting' | 'failed';
  readonly pid: number;
  /** Since when it is in this state; 0 when that is not known. */
  readonly sinceAt: number;
  /** How the process before this one ended; absent when there was none. */
  readonly exit?: ExitSeen;
  /** Ends in a row, none of them after a time that counts as up. */
  readonly failures: number;
  /** When it is started again; 0 while no start waits for its time. */
  readonly nextTryAt: number;
};

/** Everything that this depends on. */
export type OpenClawSeen = {
  readonly process?: ProcessSeen;
  readonly probes?: ProbesSeen;
  /** When the gateway of the process that runs answered last, set once it has been silent for too long. */
  readonly silentSince?: number;
  readonly drained: boolean;
  /** How long a start may take. */
  readonly readyMillis: number;
  /** The wall clock. */
  readonly now: number;
};

/** State and message of a component. */
export type Standing = { readonly state: ComponentState; readonly message: string };

/** Two ends in a row may be chance; from here on it is told although OpenClaw answers just now. */
const CRASH_LOOP = 2;
/** A process that lived this long was up (agent/launcher/state.ts). */
const UP_MILLIS = 60_000;

const { STARTING, HEALTHY, DEGRADED, FAILED, STOPPED } = ComponentState;
const at = (state: ComponentState, message = ''): Standing => ({ state, message });

/** How the process stands. */
export function processStanding(seen: OpenClawSeen): Standing {
  const { process, drained } = seen;
  if (process === undefined) return at(STARTING, 'the launcher does not answer yet');
  switch (process.state) {
    case 'running':
      return isUnproven(seen, process)
        ? at(DEGRADED, `was started again; before that it ${ending(process)}`)
        : at(HEALTHY);
    case 'stopping':
      return at(STOPPED, 'draining');
    case 'idle':
      return drained ? at(STOPPED) : at(STARTING);
    case 'restarting':
      return process.failures === 0 ? at(STARTING) : at(DEGRADED, ending(process));
    case 'failed':
      return at(FAILED, `${ending(process)}; it is not started again by itself`);
  }
}

/** How the gateway stands. */
export function gatewayStanding({ process, probes, silentSince, readyMillis, now }: OpenClawSeen): Standing {
  if (process?.state === 'running' && silentSince !== undefined) {
    return at(DEGRADED, `has not answered since ${timeOfDay(silentSince)}`);
  }
  if (probes?.started) {
    return probes.ready
      ? at(HEALTHY)
      : at(DEGRADED, `not ready: ${probes.failing.join(', ') || 'it does not say why'}`);
  }
  const isLate = process?.state === 'running' && process.sinceAt > 0 && now - process.sinceAt > readyMillis;
  if (isLate) {
    const what = probes?.live ? 'answers, and has not started' : 'has not answered';
    return at(DEGRADED, `${what} since its process began at ${timeOfDay(process.sinceAt)}`);
  }
  return at(STARTING, probes?.live ? 'alive, not started' : 'no answer yet');
}

/** How both stand together. */
export function openclawStanding(seen: OpenClawSeen): Standing {
  const process = processStanding(seen);
  if (process.state !== HEALTHY) return process;
  return gatewayStanding(seen);
}

/** Whether the processes before this one ended again and again, and this one has not shown that it is better. */
function isUnproven({ probes, now }: OpenClawSeen, { failures, sinceAt, exit }: ProcessSeen): boolean {
  if (exit === undefined || failures === 0) return false;
  if (!probes?.started) return true;
  return failures >= CRASH_LOOP && now - sinceAt < UP_MILLIS;
}

function ending({ exit, failures, nextTryAt }: ProcessSeen): string {
  if (exit === undefined) return 'ended';
  return describeEnd({ ...exit, inARow: failures, nextTryAt: nextTryAt === 0 ? undefined : nextTryAt });
}
