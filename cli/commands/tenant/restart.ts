/** `opencrane tenant restart`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatMillis } from '../../output/units.ts';
import { nameArgument, nameShape } from './name-argument.ts';

/** The command. */
export const tenantRestart = command({
  noun: 'tenant',
  verb: 'restart',
  summary: "restart a tenant's OpenClaw once its running turns are done, and wait for it",
  arguments: [nameArgument],
  options: [],
  examples: [{ command: 'opencrane tenant restart jente', shows: 'returns when the new OpenClaw was seen ready' }],
  input: z.object(nameShape),
  async run({ connect, output, clock, interrupts }, { name }) {
    const clients = await connect();
    const began = clock.monotonic();
    if (output.interactive) output.note(`restarting ${name}: its running turns finish first…`);
    await clients.tenants.restartTenant({ name }, { signal: interrupts.signal });
    const tookMillis = Math.round(clock.monotonic() - began);
    output.line(`${output.style('green', '✔')} ${name} was restarted in ${formatMillis(tookMillis)}`);
    output.document({ restarted: name, tookMillis });
  },
});
