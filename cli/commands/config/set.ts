/** `opencrane config set`. */
import { fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';
import { readValue } from '../../config/value.ts';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape } from '../scope.ts';
import { reportWritten } from './report-written.ts';

/** The command. */
export const configSet = command({
  noun: 'config',
  verb: 'set',
  summary: 'set a key in a layer, and wait until it is in effect or was refused',
  arguments: [
    { name: 'key', summary: 'path such as agents.defaults.model' },
    { name: 'value', summary: 'JSON, or plain text; null takes away what outer scopes set' },
  ],
  options: [
    ...scopeOptions,
    { flags: '--string', summary: 'take the value as text even when it reads as JSON' },
    { flags: '--reason <text>', summary: 'why; kept in the history' },
    ...waitOptions,
  ],
  examples: [
    {
      command: 'opencrane config set logging.level debug --tenant jente',
      shows: 'a hot key: in effect without a restart',
    },
    {
      command: 'opencrane config set agents.defaults.timeoutSeconds 900 --org --reason "long reports"',
      shows: 'for everyone whose team or tenant layer does not say otherwise',
    },
    { command: `opencrane config set tools.deny '["browser"]' --team interns`, shows: 'a list is set whole' },
  ],
  input: z.object({
    key: z.string(),
    value: z.string(),
    string: z.boolean().default(false),
    reason: z.string().default(''),
    ...scopeShape,
    ...waitShape,
  }),
  async run(context, { key, value, string, reason, wait, timeout, ...typed }) {
    const scope = readScope(typed);
    const clients = await context.connect();
    const set = [{ path: key, value: fromJson(ValueSchema, readValue(value, string)) }];
    const written = await clients.config.updateConfig({ scope, set, reason });
    return reportWritten(context, clients, { ...written, scope }, { wait, timeout });
  },
});
