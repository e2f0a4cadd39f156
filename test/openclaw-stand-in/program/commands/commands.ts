/** Every command of OpenClaw that OpenCrane or a test of it runs, and the refusal of every other. */
import { parseArgs } from 'node:util';
import type { Build } from '../build.ts';
import type { Place } from '../place.ts';
import type { Answer } from './answers.ts';
import { fixConfig, printSchema, validateConfig } from './config-commands.ts';
import { addAgent, addCronJob, listAgents, listCronJobs } from './owner-commands.ts';
import { consumeHandOff, handOffCapabilities, preflightDatabase } from './state-commands.ts';

/** Runs one that is not the gateway itself. */
export async function runCommand(args: readonly string[], place: Place, build: Build): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: {
      'expected-pid': { type: 'string' },
      workspace: { type: 'string' },
      name: { type: 'string' },
      cron: { type: 'string' },
      'system-event': { type: 'string' },
    },
  });
  const option = (name: string) => String(values[name] ?? '');
  if (values['version'] === true) return { code: 0, output: `OpenClaw ${build.version} (stand-in)\n` };
  const [first = '', second = '', third = ''] = positionals;
  switch (`${first} ${second}`.trim()) {
    case 'config validate':
      return validateConfig(place);
    case 'config schema':
      return printSchema();
    case 'database preflight':
      return preflightDatabase(third, build);
    case 'gateway restart-handoff':
      return third === 'consume' ? consumeHandOff(place, build, Number(option('expected-pid'))) : handOffCapabilities();
    case 'doctor':
      return fixConfig(place, build);
    case 'update':
      return update(place);
    case 'agents add':
      return addAgent(place, build, third, option('workspace'));
    case 'agents list':
      return listAgents(place);
    case 'cron add':
      return addCronJob(place, option('name'), option('cron'), option('system-event'));
    case 'cron list':
      return listCronJobs(place);
    default:
      return {
        code: 1,
        complaint: `OpenClaw does not know the command ${JSON.stringify(first)}.\nTry: openclaw --help\n`,
      };
  }
}

function update({ isSupervised }: Place): Answer {
  const why = isSupervised
    ? 'OpenClaw self-update is disabled while gateway lifecycle is managed by an external supervisor (OPENCLAW_SUPERVISOR_MODE=external).'
    : 'The stand-in does not update itself.';
  return { code: 1, complaint: `${why}\n` };
}
