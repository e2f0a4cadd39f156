/**
 * Kills at the steps of a change of version, up and down in turns (kill-table.ts says what a row does). On the way back:
 * kill-agent-in-rollback.test.ts. Every step of the agent alone: agent/runtime/upgrade-runner.test.ts.
 */
import { killTable } from './kill-table.ts';

killTable([
  { reason: 'nothing touched', scenario: 'upgrade', step: 'runtime:preflight', kill: 'coordinator' },
  { reason: 'the old state half restored', scenario: 'downgrade', step: 'upgrade:restore', kill: 'agent' },
  { reason: 'nothing touched', scenario: 'upgrade', step: 'runtime:preflight', kill: 'openclaw' },
  { reason: 'about to drain', scenario: 'downgrade', step: 'launcher:drain', kill: 'launcher' },
  { reason: 'down, nothing kept', scenario: 'upgrade', step: 'upgrade:keep', kill: 'launcher' },
  { reason: 'down', scenario: 'downgrade', step: 'upgrade:start', kill: 'coordinator' },
  { reason: 'spawned, not recorded', scenario: 'upgrade', step: 'launcher:spawned', kill: 'launcher' },
  { reason: 'on its way up', scenario: 'downgrade', step: 'upgrade:start:done', kill: 'agent' },
  { reason: 'down, nothing kept', scenario: 'upgrade', step: 'upgrade:stop:done', kill: 'agent' },
  { reason: 'about to be kept', scenario: 'downgrade', step: 'upgrade:keep', kill: 'agent' },
  { reason: 'ready at the new version', scenario: 'upgrade', step: 'upgrade:gate:done', kill: 'agent' },
  { reason: 'proven, not told', scenario: 'downgrade', step: 'upgrade:soak:done', kill: 'agent' },
  {
    reason: 'ready, being watched',
    scenario: 'upgrade',
    step: 'upgrade:soak',
    kill: 'openclaw',
    refused: /SIGKILL|ended within/,
  },
]);
