/** `opencrane tenant open`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import { type Context, command } from '../command.ts';

/** The command. */
export const tenantOpen = command({
  noun: 'tenant',
  verb: 'open',
  summary: "open a tenant's Control UI in the browser, signed in",
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [{ flags: '--print', summary: 'print the address instead; it carries the token: keep it to yourself' }],
  examples: [
    { command: 'opencrane tenant open jente', shows: 'opens it; prints the address where there is no browser' },
    { command: 'opencrane tenant open jente --json | jq -r .token', shows: 'the token alone' },
  ],
  input: z.object({ name: z.string(), print: z.boolean().default(false) }),
  async run(context, { name, print }) {
    const { output } = context;
    const { url, token } = await (await context.connect()).tenants.getTenantAccess({ name });
    output.document({ tenant: name, url, token });
    if (output.json) return;
    const opened = !print && output.interactive && (await openBrowser(url, context.environment));
    output.line(opened ? `${name} is open in the browser` : url);
  },
});

async function openBrowser(url: string, environment: Context['environment']): Promise<boolean> {
  if (process.platform === 'linux' && !environment['DISPLAY'] && !environment['WAYLAND_DISPLAY']) return false;
  const opener = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], {
    stdio: 'ignore',
    env: environment,
  });
  try {
    const [code] = await once(opener, 'exit');
    return code === 0;
  } catch {
    return false; // there is no opener: the address is printed instead
  }
}
