/** What an owner types: agents and cron jobs. Jobs are asked of the gateway that runs, agents are written into the configuration. */
import { join } from 'node:path';
import type { Build } from '../build.ts';
import { readConfig, stamped, writeConfig } from '../config/config-file.ts';
import { at, isObject } from '../json.ts';
import type { Place } from '../place.ts';
import { type Answer, asJson } from './answers.ts';
import { callGateway } from './call-gateway.ts';

/** `openclaw agents add NAME --non-interactive --workspace FOLDER`. */
export function addAgent(place: Place, build: Build, name: string, workspace: string): Answer {
  const { parsed = {} } = readConfig(place);
  const before = at(parsed, 'agents', 'entries');
  const entry = { name, workspace, agentDir: agentFolder(place, name), identity: { name } };
  const entries = { main: { workspace: join(place.state, 'workspace') }, ...(isObject(before) ? before : {}) };
  const agents = { ...(parsed['agents'] as object), ownership: 'explicit', entries: { ...entries, [name]: entry } };
  writeConfig(place, stamped({ ...parsed, agents }, build.version));
  return { code: 0, output: `Updated config: ${place.config}\nAgent: ${name}\nWorkspace: ${workspace}\n` };
}

/** `openclaw agents list`. */
export function listAgents(place: Place): Answer {
  const entries = at(readConfig(place).resolved, 'agents', 'entries');
  const names = Object.keys(isObject(entries) ? entries : {});
  const lines = names.map((name) => `- ${name}\n  Agent dir: ${agentFolder(place, name)}`);
  return { code: 0, output: `Agents:\n${lines.join('\n')}\n` };
}

/** `openclaw cron add --name NAME --cron SCHEDULE --system-event TEXT`. */
export async function addCronJob(place: Place, name: string, schedule: string, text: string): Promise<Answer> {
  return asJson(await callGateway(place, 'cron.add', { name, schedule, text }));
}

/** `openclaw cron list`. */
export async function listCronJobs(place: Place): Promise<Answer> {
  const { jobs } = await callGateway(place, 'cron.list', {});
  const lines = (jobs as { id: string; name: string; schedule: string }[]).map(
    ({ id, name, schedule }) => `${id} ${name} cron ${schedule}`,
  );
  return { code: 0, output: `ID Name Schedule\n${lines.join('\n')}\n` };
}

function agentFolder({ state }: Place, name: string): string {
  return join(state, 'agents', name, 'agent');
}
