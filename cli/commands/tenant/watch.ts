/** `opencrane tenant watch`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { watchInPipe, watchInTerminal } from '../../tenants/watch-view.ts';

/** The command. */
export const tenantWatch = command({
  noun: 'tenant',
  verb: 'watch',
  summary: 'follow one tenant, or all of them, until Ctrl-C',
  arguments: [{ name: 'name', summary: 'only this tenant', optional: true }],
  options: [],
  examples: [
    { command: 'opencrane tenant watch', shows: 'a table that stays up to date; in a pipe, a line per change' },
    { command: 'opencrane tenant watch jente --json', shows: 'each change of one tenant as a line of JSON' },
  ],
  input: z.object({ name: z.string().default('') }),
  async run({ connect, output, interrupts }, { name }) {
    const clients = await connect();
    const watch = output.interactive ? watchInTerminal : watchInPipe;
    await watch(clients, name, output, interrupts.signal);
  },
});
