/**
 * What a tenant's state comes to in a word and a line, as a pure function of what was observed.
 *
 *   PENDING ──agent heard──▶ STARTING ──observed to work──▶ READY ◀──▶ DEGRADED
 *      └──its agent cannot start──▶ DEGRADED
 *   any of them ──agent gone──▶ DISCONNECTED;  any of them ──delete asked for──▶ DELETING
 *
 * READY needs an agent that is connected now: what was reported by one that is gone may no longer be so.
 */
import { atPath } from '@opencrane/kit/at-path.ts';
import {
  type Component,
  ComponentState,
  type Progress,
  type Receipt,
  ReceiptState,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';

/** Everything that the phase depends on. */
export type PhaseInput = {
  readonly deleting: boolean;
  /** What is wrong with the tenant's programs as the platform sees them; empty when nothing is. */
  readonly platformProblem: string;
  /** Whether an agent was ever heard. */
  readonly heard: boolean;
  readonly connected: boolean;
  /** Root of the health tree as last reported. */
  readonly health?: Component | undefined;
  readonly progress?: Progress | undefined;
  /** The newest receipt of each kind. */
  readonly receipts: readonly Receipt[];
};

/** The phase, and one line for a person. */
export type PhaseAndMessage = { readonly phase: Phase; readonly message: string };

/** Sums up. */
export function phaseOf(seen: PhaseInput): PhaseAndMessage {
  if (seen.deleting) return { phase: Phase.DELETING, message: seen.platformProblem || 'it is being deleted' };
  if (!seen.heard) {
    if (seen.platformProblem !== '') return { phase: Phase.DEGRADED, message: seen.platformProblem };
    return { phase: Phase.PENDING, message: progressLine(seen.progress) || 'no agent has reported yet' };
  }
  if (!seen.connected) {
    const message = seen.platformProblem || 'its agent is not connected; what is shown is what it reported last';
    return { phase: Phase.DISCONNECTED, message };
  }
  return seen.health ? fromHealth(seen.health, seen) : { phase: Phase.STARTING, message: progressLine(seen.progress) };
}

function fromHealth(health: Component, { progress, receipts, platformProblem }: PhaseInput): PhaseAndMessage {
  switch (health.state) {
    case ComponentState.HEALTHY:
      return { phase: Phase.READY, message: refusal(receipts) };
    case ComponentState.DEGRADED:
    case ComponentState.FAILED:
      return { phase: Phase.DEGRADED, message: complaint(health) || refusal(receipts) };
    case ComponentState.STOPPED:
      return { phase: Phase.DEGRADED, message: complaint(health) || 'OpenClaw is stopped on purpose' };
    default:
      // The launcher: its agent is here, and can only say that nothing answers.
      if (platformProblem !== '') return { phase: Phase.DEGRADED, message: platformProblem };
      // A first runtime that was refused explains best why there is nothing to start.
      return { phase: Phase.STARTING, message: progressLine(progress) || refusal(receipts) || complaint(health) };
  }
}

/**
 * Why it is as bad as it is: what the first component says that is as bad as the whole, at whatever depth; the parts before
 * what they are part of, because they know more. One that is well may have a part that is not: OpenClaw serves, and its
 * configuration was changed.
 */
function complaint(whole: Component): string {
  const isAsBad = ({ state }: Component) => byBadness.indexOf(state) >= byBadness.indexOf(whole.state);
  const speaker = partsFirst(whole).find((component) => isAsBad(component) && component.message !== '');
  return speaker === undefined ? '' : `${speaker.name}: ${firstLine(speaker.message)}`;
}

function partsFirst(whole: Component): readonly Component[] {
  return [...whole.parts.flatMap(partsFirst), whole];
}

/** Worst last; a state that a newer agent knows and we don't is as bad as none. */
const byBadness: readonly ComponentState[] = [
  ComponentState.HEALTHY,
  ComponentState.STOPPED,
  ComponentState.STARTING,
  ComponentState.DEGRADED,
  ComponentState.FAILED,
];

/** What was refused last while something else serves on. */
function refusal(receipts: readonly Receipt[]): string {
  const failed = receipts.find(({ state }) => state === ReceiptState.FAILED);
  if (failed === undefined) return '';
  const serving = failed.servingRevision === 0n ? '' : `; revision ${failed.servingRevision} serves on`;
  return `revision ${failed.revision} was refused: ${atPath(failed.path, firstLine(failed.message))}${serving}`;
}

function progressLine(progress: Progress | undefined): string {
  return progress === undefined ? '' : firstLine(progress.message || progress.step);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
