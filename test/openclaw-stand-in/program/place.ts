/** Where a process of the stand-in finds its state, its configuration and its token: the environment that OpenClaw reads. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the environment says. */
export type Place = {
  readonly state: string;
  readonly config: string;
  readonly token: string | undefined;
  /** Somebody else owns its life: it hands a restart over and refuses to update itself. */
  readonly isSupervised: boolean;
  /** What `${NAMES}` in the configuration stand for. */
  readonly variables: Readonly<Record<string, string | undefined>>;
};

/** Reads the place out of the process's environment. */
export function placeOf(variables: NodeJS.ProcessEnv): Place {
  const state = variables['OPENCLAW_STATE_DIR'] ?? join(homedir(), '.openclaw');
  return {
    state,
    config: variables['OPENCLAW_CONFIG_PATH'] ?? join(state, 'openclaw.json'),
    token: variables['OPENCLAW_GATEWAY_TOKEN'],
    isSupervised: variables['OPENCLAW_SUPERVISOR_MODE'] === 'external',
    variables,
  };
}
