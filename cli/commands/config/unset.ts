/** `opencrane config unset`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { expectation, expectedRevisionOption, expectedRevisionShape } from '../../config/expected-revision.ts';
import { skipCheckOption, skipCheckShape } from '../../config/skip-check.ts';
import { reportWritten } from '../../config/written.ts';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { readScope, scopeOptions, scopeShape } from '../../scope.ts';

/** The command. */
export const configUnset = command({
  noun: 'config',
  verb: 'unset',
  summary: "take keys out of a scope's layer; what outer scopes set comes back",
  arguments: [{ name: 'keys', summary: 'the keys', several: true }],
  options: [
    ...scopeOptions,
    { flags: '--reason <text>', summary: 'why; kept in the history' },
    expectedRevisionOption,
    skipCheckOption,
    ...waitOptions,
  ],
  examples: [
    {
      command: 'opencrane config unset logging.level --tenant jente',
      shows: 'jente gets what team or organisation say',
    },
    { command: 'opencrane config unset logging.level logging.file --org', shows: 'both in one revision' },
  ],
  input: z.object({
    ...scopeShape,
    ...waitShape,
    ...expectedRevisionShape,
    ...skipCheckShape,
    keys: z.array(z.string()).min(1),
    reason: z.string().default(''),
  }),
  async run(context, { keys, reason, expectedRevision, skipCheck, ...input }) {
    const scope = readScope(input);
    const clients = await context.connect();
    const written = await clients.config.updateConfig({
      scope,
      unset: keys,
      reason,
      skipCheck,
      ...expectation(expectedRevision),
    });
    return reportWritten(context, clients, scope, written, input);
  },
});
