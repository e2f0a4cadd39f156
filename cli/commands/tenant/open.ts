/** `opencrane tenant open`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { openBrowser } from '../../tenants/open-browser.ts';
import { nameArgument, nameShape } from './name-argument.ts';

/** The command. */
export const tenantOpen = command({
  noun: 'tenant',
  verb: 'open',
  summary: "open a tenant's Control UI, signed in, in a browser; print its address where there is none",
  arguments: [nameArgument],
  options: [{ flags: '--print', summary: 'only print the address; it carries the token' }],
  examples: [
    { command: 'opencrane tenant open jente', shows: 'the Control UI, signed in' },
    { command: 'opencrane tenant open jente --print', shows: 'the address, to take it elsewhere' },
  ],
  input: z.object({ ...nameShape, print: z.boolean().default(false) }),
  async run({ connect, output, environment }, { name, print }) {
    const { url, token } = await (await connect()).tenants.getTenantAccess({ name });
    output.document({ url, token });
    const opened = output.interactive && !print && (await openBrowser(url, environment));
    output.line(opened ? `opened the Control UI of ${name} in the browser` : url);
  },
});
