/** `opencrane tenant shell`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { personsOwn } from '@opencrane/kit/environment.ts';
import { exitCodes, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { nameArgument, nameShape } from './name-argument.ts';

/** The command. */
export const tenantShell = command({
  noun: 'tenant',
  verb: 'shell',
  summary: 'a shell where "openclaw" is this tenant\'s own; ends with the exit code of what ran in it',
  arguments: [
    nameArgument,
    { name: 'words', summary: 'a command to run instead of $SHELL, after --', optional: true, several: true },
  ],
  options: [],
  examples: [
    { command: 'opencrane tenant shell jente', shows: 'your own shell, beside her OpenClaw' },
    { command: 'opencrane tenant shell jente -- openclaw update', shows: 'one command, then back' },
  ],
  input: z.object({ ...nameShape, words: z.array(z.string()).default([]) }),
  async run({ connect, output, environment, interrupts }, { name, words }) {
    const { shellEnvironment, shellDirectory } = await (await connect()).tenants.getTenantAccess({ name });
    output.document({ environment: shellEnvironment, directory: shellDirectory });
    if (output.json) return 0;
    if (!existsSync(shellDirectory)) throw elsewhere(name, shellDirectory);
    interrupts.onAgain(() => {}); // Ctrl-C is for what runs in the shell
    const [program = environment['SHELL'] || '/bin/sh', ...rest] = words;
    if (words.length === 0) output.note(`a shell of ${name}; "exit" leaves it`);
    return runHere(program, rest, shellDirectory, { ...personsOwn(environment), ...shellEnvironment });
  },
});

function runHere(program: string, words: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, words, { cwd, env, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new OpenCraneError('not_found', 'program_not_started', `starting ${program}: ${cause.message}`, {
          cause,
          mend: 'name a program that exists, or set SHELL',
        }),
      ),
    );
    // A shell says 128 + the signal's number, and so do we.
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal ? constants.signals[signal] : exitCodes.failed)),
    );
  });
}

function elsewhere(name: string, folder: string): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'tenant_elsewhere',
    `opening a shell of ${name}: its folder ${folder} is not on this machine`,
    { mend: 'run this on the machine of the coordinator' },
  );
}
