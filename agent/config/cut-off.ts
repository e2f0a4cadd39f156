/** What cuts a push off, and says nothing about the configuration: OpenClaw is down, and only the agent starts it again. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { isLauncherAway } from '../launcher/client.ts';
import type { ConfiguredOpenClaw } from './ports.ts';

/** Throws `unavailable` when nothing runs and nothing is on its way: a launcher that was killed leaves it like that. */
export async function assertOnItsWay(openclaw: Pick<ConfiguredOpenClaw, 'isDown'>): Promise<void> {
  if (!(await openclaw.isDown())) return;
  throw new OpenCraneError('unavailable', 'openclaw_down', 'OpenClaw went down while its configuration was changed', {
    mend: 'nothing to do: it is started again, and the change is applied again',
  });
}

/** Whether a push was cut off, so that it is to be done again once OpenClaw is up. */
export function isCutOff(cause: unknown): boolean {
  return isLauncherAway(cause) || (cause instanceof OpenCraneError && cause.reason === 'openclaw_down');
}
