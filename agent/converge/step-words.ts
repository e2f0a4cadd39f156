/** Steps of the loop in words. */
import { messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import type { Step } from './decide.ts';

/** The error of a restart that was ordered. What only the machine lacks is told as that. */
export function restartFailed(cause: unknown): OpenCraneError {
  const doing = 'restarting OpenClaw';
  const { code, reason, mend } = toOpenCraneError(cause, doing);
  const words = `${doing}: ${messageOf(cause)}`;
  if (isLackOfTheMachine(cause)) return new OpenCraneError(code, reason, words, { cause, mend });
  return new OpenCraneError('failed_precondition', 'restart_failed', words, { cause, mend: 'see the tenant’s log' });
}

/** What the loop does, for a status; empty at rest. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'wait':
      return step.for === 'a change' ? '' : `waiting for ${step.for}`;
    case 'apply':
    case 'note':
      return `applying a ${step.kind}`;
    default:
      return step.do;
  }
}
