/** Runs what was typed and comes to an exit code. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { exitCodeOf, exitCodes, OpenCraneError } from '@opencrane/kit/errors.ts';
import { forTerminal, linesForTerminal } from '@opencrane/kit/terminal-text.ts';
import { CommanderError } from 'commander';
import type { Command, Context, RawInput } from './command.ts';
import { commands } from './commands/all.ts';
import { buildProgram } from './commands/register.ts';
import { callError } from './connection/call-error.ts';
import type { Clients } from './connection/clients.ts';
import type { Interrupts } from './interrupts.ts';
import { Output, type Sink } from './output/output.ts';
import { printError } from './output/print-error.ts';

/** What the program stands in. */
export type World = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly out: Sink;
  readonly errors: Sink;
  readonly interrupts: Interrupts;
  readonly clock: Clock;
  readonly ask: Context['ask'];
  readonly offlineVault: Context['offlineVault'];
  connect(environment: Readonly<Record<string, string | undefined>>, folder: string): Promise<Clients>;
};

/** Runs one command line and resolves with its exit code; every error has been printed. */
export async function run(words: readonly string[], world: World): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = buildProgram(commands, async (command, raw) => {
    exitCode = await perform(command, raw, world);
  });
  const json = asksForJson(words);
  const printing = {
    writeOut: (text: string) => void world.out.write(linesForTerminal(text)),
    writeErr: (text: string) => void (json || world.errors.write(linesForTerminal(text))),
  };
  for (const each of [program, ...program.commands, ...program.commands.flatMap((noun) => noun.commands)]) {
    each.configureOutput(printing).exitOverride();
  }
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return exitCodes.ok;
    if (json) printError(outputOf(world, json), usageError(thrown)); // to people commander has said what is wrong
    return exitCodes.usage;
  }
}

async function perform(command: Command, raw: RawInput, world: World): Promise<number> {
  const json = raw['json'] === true;
  const { interrupts, clock, folder, ask, offlineVault } = world;
  const output = outputOf(world, json);
  const home = raw['home'];
  const environment = typeof home === 'string' ? { ...world.environment, OPENCRANE_HOME: home } : world.environment;
  const connect = () => world.connect(environment, folder);
  const asking = ask && ((question: string) => ask(forTerminal(question)));
  try {
    return await command.run(
      { output, environment, folder, interrupts, clock, ask: asking, offlineVault, connect },
      raw,
    );
  } catch (thrown) {
    const error = callError(thrown);
    if (error.code !== 'cancelled' || !interrupts.signal.aborted) printError(output, error);
    return exitCodeOf(error);
  }
}

function outputOf(world: World, json: boolean): Output {
  return new Output({ json, out: world.out, errors: world.errors, colours: wantsColours(world) });
}

/** Looked for before anything is parsed, so that an error of parsing is JSON, too. Words after `--` are another program's. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
}

function usageError({ code, message }: CommanderError): OpenCraneError {
  const what = code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '');
  return new OpenCraneError('invalid_argument', 'usage', what, { mend: 'see opencrane --help' });
}

function wantsColours({ environment, out }: World): boolean {
  if (environment['NO_COLOR']) return false;
  return out.isTTY === true || Boolean(environment['FORCE_COLOR'] && environment['FORCE_COLOR'] !== '0');
}
