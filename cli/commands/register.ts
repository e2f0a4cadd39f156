/** Turns commands, which are data, into commander's. */
import { exitCodes } from '@opencrane/kit/errors.ts';
import { Command as Program } from 'commander';
import { type Command, nameOf, type RawInput } from '../command.ts';

/** What each noun is about. */
const nouns: Readonly<Record<string, string>> = {
  tenant: 'tenants: create, watch, restart, delete them; get into them',
  config: "OpenClaw's managed configuration, in layers: organisation, team, tenant",
  runtime: 'OpenClaw versions: what exists, who is pinned to what',
  vault: "a tenant's snapshots: take them, bring them back, get at the data without us",
  audit: 'who changed what',
};

const codes = `
Exit codes:
  ${exitCodes.ok}    done                           ${exitCodes.conflict}    conflicts with what is
  ${exitCodes.failed}    failed, or an agent refused    ${exitCodes.unavailable}    coordinator or agent not reachable, or too slow
  ${exitCodes.usage}    wrong use, or invalid value    ${exitCodes.internal}   a defect of OpenCrane
  ${exitCodes.notFound}    no such thing                  ${exitCodes.interrupted}  interrupted
  ${exitCodes.denied}    not allowed`;

const environment = `
Environment:
  OPENCRANE_HOME                       the coordinator's folder; else the nearest .opencrane upward
  OPENCRANE_SERVER, OPENCRANE_TOKEN    a coordinator elsewhere
  NO_COLOR                             no colours`;

/** A program with all the commands; `perform` runs the one that was typed. */
export function buildProgram(
  commands: readonly Command[],
  perform: (command: Command, raw: RawInput) => Promise<void>,
): Program {
  const program = new Program('opencrane')
    .description('An OpenClaw of their own for every member of an organisation, and one place to run them all.')
    .exitOverride()
    .helpCommand(false)
    .addHelpText('after', `${environment}\n${codes}`);
  const parents = new Map<string, Program>([['', program]]);
  for (const command of commands) register(parentOf(parents, program, command.noun), command, perform);
  return program;
}

function parentOf(parents: Map<string, Program>, program: Program, noun: string): Program {
  const known = parents.get(noun);
  if (known) return known;
  const parent = program
    .command(noun)
    .description(nouns[noun] ?? noun)
    .addHelpText('after', codes);
  parents.set(noun, parent);
  return parent;
}

function register(parent: Program, command: Command, perform: (command: Command, raw: RawInput) => Promise<void>) {
  const built = parent.command(command.verb).description(command.summary);
  for (const { name, summary, optional, several } of command.arguments) {
    const word = several ? `${name}...` : name;
    built.argument(optional ? `[${word}]` : `<${word}>`, summary);
  }
  for (const { flags, summary } of command.options) built.option(flags, summary);
  built
    .option('--json', 'JSON: one document, or one per line where it follows something')
    .option('--home <folder>', "the coordinator's folder")
    .addHelpText('after', `\n${examplesOf(command)}\n${codes}`)
    .action(async (...received: unknown[]) => {
      const options: RawInput = built.opts();
      const values = command.arguments.map(({ name }, index) => [name, received[index]]);
      await perform(command, { ...options, ...Object.fromEntries(values) });
    });
  built.showHelpAfterError(`see opencrane ${nameOf(command)} --help`);
}

function examplesOf({ examples }: Command): string {
  return ['Examples:', ...examples.flatMap(({ command, shows }) => [`  $ ${command}`, `      ${shows}`])].join('\n');
}
