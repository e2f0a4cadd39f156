/** `opencrane config unset`. */
import { z } from 'zod';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape } from '../scope.ts';
import { reportWritten } from './report-written.ts';

/** The command. */
export const configUnset = command({
  noun: 'config',
  verb: 'unset',
  summary: 'remove a key from a layer: what outer scopes set shows again, else the tenant decides',
  arguments: [{ name: 'key', summary: 'path such as agents.defaults.model' }],
  options: [...scopeOptions, { flags: '--reason <text>', summary: 'why; kept in the history' }, ...waitOptions],
  examples: [
    { command: 'opencrane config unset logging.level --tenant jente', shows: 'back to what team and organisation say' },
  ],
  input: z.object({ key: z.string(), reason: z.string().default(''), ...scopeShape, ...waitShape }),
  async run(context, { key, reason, wait, timeout, ...typed }) {
    const scope = readScope(typed);
    const clients = await context.connect();
    const written = await clients.config.updateConfig({ scope, unset: [key], reason });
    return reportWritten(context, clients, { ...written, scope }, { wait, timeout });
  },
});
