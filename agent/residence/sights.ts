/** What is seen of the tenant that others must heed, in the words of arbiter/conflicts.ts. */
import type { Sight } from '../arbiter/conflicts.ts';

/** As it is seen. */
export type Looks = {
  /** Whether no OpenClaw may be starting (undisturbed.ts). */
  readonly isUndisturbed: boolean;
  /** Whether an upgrade stands in the journal. */
  readonly isUpgrading: boolean;
  /** Whether it is not known whose state is there. */
  readonly isInDoubt: boolean;
};

/** All that is so. */
export function sightsOf({ isUndisturbed, isUpgrading, isInDoubt }: Looks): Sight[] {
  const sights: Sight[] = [];
  if (!isUndisturbed) sights.push('starting');
  if (isUpgrading) sights.push('upgrade');
  if (isInDoubt) sights.push('doubt');
  return sights;
}
