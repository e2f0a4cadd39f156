/** Kills at the steps of a first boot, of the configuration, and of a boot (kill-table.ts says what a row does). More steps of the agent alone: kill-agent-in-config.test.ts. */
import { killTable } from './kill-table.ts';

killTable([
  { reason: 'before anything is fetched', scenario: 'first boot', step: 'runtime:stage', kill: 'coordinator' },
  { reason: 'half unpacked', scenario: 'first boot', step: 'unpack:part', kill: 'agent' },
  { reason: 'unpacked, not started', scenario: 'first boot', step: 'runtime:unpacked', kill: 'agent' },
  { reason: 'its first process', scenario: 'first boot', step: 'launcher:spawned', kill: 'launcher' },

  { reason: 'offered', scenario: 'hot', step: 'config:begin', kill: 'coordinator' },
  { reason: 'offered', scenario: 'hot', step: 'config:begin', kill: 'agent' },
  { reason: 'just before the patch', scenario: 'hot', step: 'config:patch', kill: 'openclaw' },
  { reason: 'patched, not seen in effect', scenario: 'hot', step: 'config:patched', kill: 'launcher' },
  { reason: 'patched, not seen in effect', scenario: 'hot', step: 'config:patched', kill: 'agent' },
  { reason: 'recorded, no receipt', scenario: 'hot', step: 'config:recorded', kill: 'coordinator' },
  { reason: 'recorded, no receipt', scenario: 'hot', step: 'config:recorded', kill: 'agent' },

  { reason: 'about to drain', scenario: 'restart', step: 'launcher:drain', kill: 'launcher' },
  { reason: 'about to drain', scenario: 'restart', step: 'launcher:drain', kill: 'openclaw' },
  { reason: 'down, old file', scenario: 'restart', step: 'config:stopped', kill: 'agent' },
  { reason: 'down, new file', scenario: 'restart', step: 'config:written', kill: 'launcher' },
  { reason: 'down, new file', scenario: 'restart', step: 'config:written', kill: 'coordinator' },
  { reason: 'spawned, not recorded', scenario: 'restart', step: 'launcher:spawned', kill: 'launcher' },
  { reason: 'on its way up', scenario: 'restart', step: 'openclaw:started', kill: 'agent' },

  { reason: 'not started', scenario: 'boot', step: 'boot:start', kill: 'agent' },
  { reason: 'not started', scenario: 'boot', step: 'boot:start', kill: 'launcher' },
  { reason: 'not started', scenario: 'boot', step: 'boot:start', kill: 'coordinator' },
  { reason: 'spawned, not recorded', scenario: 'boot', step: 'launcher:spawned', kill: 'launcher' },
  { reason: 'on its way up', scenario: 'boot', step: 'openclaw:started', kill: 'openclaw' },
  { reason: 'on its way up', scenario: 'boot', step: 'openclaw:started', kill: 'coordinator' },

  // Last, because the next patch of the OpenClaw that comes back may hang.
  { reason: 'patched, not seen in effect', scenario: 'hot', step: 'config:patched', kill: 'openclaw' },
]);
