/** The gateway's methods, by name. */
import { hostname } from 'node:os';
import { ruleAt } from '../config/rules.ts';
import { reloadKindOf, schema } from '../config/schema.ts';
import type { JsonObject } from '../json.ts';
import type { StateDatabase } from '../state/state-database.ts';
import type { LiveConfig } from './live-config.ts';
import { invalid, textParameter } from './refusal.ts';
import type { Suspension } from './suspension.ts';
import type { Turns } from './turns.ts';

/** What they work on. */
export type MethodPorts = {
  readonly config: LiveConfig;
  readonly turns: Turns;
  readonly suspension: Suspension;
  readonly database: StateDatabase;
  readonly port: number;
  readonly processInstanceId: string;
};

/** Answers a request; throws Refusal. */
export async function answer(ports: MethodPorts, method: string, parameters: JsonObject): Promise<unknown> {
  const { config, turns, suspension, database } = ports;
  suspension.assertAnswers(method);
  const text = (name: string) => textParameter(method, parameters, name);
  switch (method) {
    case 'config.get':
      return config.get();
    case 'config.patch':
      return config.patch(text('raw'), parameters['baseHash'], stringsIn(parameters['replacePaths']));
    case 'config.schema.lookup':
      return lookUp(text('path'));
    case 'system.info':
      return systemInfo(ports);
    case 'gateway.suspend.prepare':
      return suspension.prepare(text('requestId'));
    case 'gateway.suspend.status':
      return suspension.status(text('suspensionId'));
    case 'gateway.suspend.handoff':
      return suspension.handoff(text('suspensionId'), parameters['target']);
    case 'chat.send':
      return turns.begin(text('sessionKey'), text('message'), text('idempotencyKey'));
    case 'agent.wait':
      return turns.wait(text('runId'), Number(parameters['timeoutMs'] ?? 30_000));
    case 'chat.history':
      return turns.history(text('sessionKey'), Number(parameters['limit'] ?? 200));
    case 'cron.add':
      return { id: database.addCronJob(text('name'), text('schedule'), { text: text('text') }), name: text('name') };
    case 'cron.list':
      return { jobs: database.cronJobs() };
    default:
      throw invalid(`unknown method: ${method}`);
  }
}

function lookUp(path: string): object {
  if (!/^[A-Za-z0-9_./[\]\-*]+$/.test(path))
    throw invalid('invalid config.schema.lookup params: at /path: must match pattern');
  if (ruleAt(schema, path.split('.')) === undefined) throw invalid('config schema path not found');
  return { path, reloadKind: reloadKindOf(path) };
}

function systemInfo({ port, processInstanceId }: MethodPorts): object {
  return {
    hostname: hostname(),
    platform: process.platform,
    arch: process.arch,
    port,
    nodeVersion: process.version,
    pid: process.pid,
    processInstanceId,
    uptimeMs: Math.round(process.uptime() * 1000),
  };
}

function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
