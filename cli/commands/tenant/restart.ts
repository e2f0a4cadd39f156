/** `opencrane tenant restart`. */
import { z } from 'zod';
import { formatMillis } from '../../output/units.ts';
import { command } from '../command.ts';

/** The command. */
export const tenantRestart = command({
  noun: 'tenant',
  verb: 'restart',
  summary: "restart a tenant's OpenClaw: running turns end first",
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [],
  examples: [{ command: 'opencrane tenant restart jente', shows: 'comes back when its OpenClaw serves again' }],
  input: z.object({ name: z.string() }),
  async run({ clock, connect, interrupts, output }, { name }) {
    const clients = await connect();
    const began = clock.monotonic();
    await clients.tenants.restartTenant({ name }, { signal: interrupts.signal });
    const millis = Math.round(clock.monotonic() - began);
    output.line(`${name} is restarted, in ${formatMillis(millis)}`);
    output.document({ restarted: name, millis });
  },
});
