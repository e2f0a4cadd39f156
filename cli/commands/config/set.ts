/** `opencrane config set`. */
import { fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';
import { command } from '../../command.ts';
import { expectation, expectedRevisionOption, expectedRevisionShape } from '../../config/expected-revision.ts';
import { plainSecretsOption, plainSecretsShape } from '../../config/plain-secrets.ts';
import { skipCheckOption, skipCheckShape } from '../../config/skip-check.ts';
import { typedValue } from '../../config/typed-value.ts';
import { fromFileOption, readValueText } from '../../config/value-source.ts';
import { reportWritten } from '../../config/written.ts';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { readScope, scopeOptions, scopeShape } from '../../scope.ts';

/** The command. */
export const configSet = command({
  noun: 'config',
  verb: 'set',
  summary: 'set a key for a scope, and wait for the answer of every agent it concerns',
  arguments: [
    { name: 'key', summary: 'such as agents.defaults.model or models.providers["my.provider"].baseUrl' },
    {
      name: 'value',
      summary: 'JSON where it reads as JSON, else a string; null takes away what outer scopes set',
      optional: true,
    },
  ],
  options: [
    ...scopeOptions,
    { flags: '--string', summary: 'take the value as a string, whatever it looks like' },
    fromFileOption,
    { flags: '--reason <text>', summary: 'why; kept in the history' },
    expectedRevisionOption,
    skipCheckOption,
    plainSecretsOption,
    ...waitOptions,
  ],
  examples: [
    { command: 'opencrane config set --org logging.level debug', shows: 'for everyone, and each tenant’s answer' },
    {
      command: 'opencrane config set agents.defaults.timeoutSeconds 700 --tenant jente',
      shows: 'JSON: a number, not a string',
    },
    {
      command: 'opencrane config set --team research --string env.vars.BUILD 007 --no-wait',
      shows: 'a string of digits',
    },
  ],
  input: z.object({
    ...scopeShape,
    ...waitShape,
    key: z.string(),
    value: z.string().optional(),
    fromFile: z.string().optional(),
    string: z.boolean().default(false),
    reason: z.string().default(''),
    ...expectedRevisionShape,
    ...skipCheckShape,
    ...plainSecretsShape,
  }),
  async run(context, { key, value, fromFile, string, reason, expectedRevision, skipCheck, plainSecrets, ...input }) {
    const scope = readScope(input);
    const typed = typedValue(await readValueText({ value, fromFile }, context.folder), string);
    const clients = await context.connect();
    const set = [{ path: key, value: fromJson(ValueSchema, typed) }];
    const written = await clients.config.updateConfig({
      scope,
      set,
      reason,
      skipCheck,
      plainSecrets,
      ...expectation(expectedRevision),
    });
    return reportWritten(context, clients, scope, written, input);
  },
});
