/**
 * Whether an OpenClaw that this agent has not told to start may be starting. While OpenClaw starts it migrates its databases, asks for them alone, waits for nobody,
 * and gives up with exit code 78 ("sqlite-busy", seen on 2026.9.6): a capture that holds one still for a moment would keep
 * the tenant down.
 */
import type { ProcessSeen } from '../health/openclaw-standing.ts';

/** What is known of OpenClaw's process. */
export type OpenClawSeen = {
  /** As the launcher told last; undefined when it does not answer, and may be starting it. */
  readonly process: ProcessSeen | undefined;
  /** The process of which `/startupz` was seen to say that it has started. */
  readonly startedPid: number;
};

/** Whether nothing is disturbed by a capture. */
export function isUndisturbed({ process, startedPid }: OpenClawSeen): boolean {
  if (process === undefined) return false;
  switch (process.state) {
    case 'running':
    case 'stopping':
      return process.pid === startedPid;
    case 'restarting':
      return false;
    case 'idle':
    case 'failed':
      return true;
  }
}
