/** `opencrane tenant shell`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { z } from 'zod';
import { command } from '../command.ts';

/** The command. */
export const tenantShell = command({
  noun: 'tenant',
  verb: 'shell',
  summary: 'open a shell in which "openclaw" is this tenant\'s',
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [{ flags: '-c, --command <line>', summary: 'run this line instead, and end with its exit code' }],
  examples: [
    { command: 'opencrane tenant shell jente', shows: 'then "openclaw update" updates it, "openclaw status" asks it' },
    { command: 'opencrane tenant shell jente -c "openclaw --version"', shows: 'one command' },
    { command: 'opencrane tenant shell jente --json', shows: 'the environment of such a shell, without one' },
  ],
  input: z.object({ name: z.string(), command: z.string().optional() }),
  async run({ connect, environment, interrupts, output }, { name, command: line }) {
    const access = await (await connect()).tenants.getTenantAccess({ name });
    const { shellDirectory: cwd, shellEnvironment } = access;
    output.document({ tenant: name, directory: cwd, environment: shellEnvironment });
    if (output.json) return 0;
    const shell = environment['SHELL'] || '/bin/sh';
    if (line === undefined && output.interactive)
      output.line(output.style('dim', `${name}: a shell; end it with exit`));
    const child = spawn(shell, line === undefined ? [] : ['-c', line], {
      cwd,
      env: { ...environment, ...shellEnvironment },
      stdio: 'inherit',
    });
    interrupts.onAgain(() => {}); // Ctrl-C is for what runs in the shell
    const [code, signal] = await once(child, 'exit');
    return typeof code === 'number' ? code : 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
  },
});
