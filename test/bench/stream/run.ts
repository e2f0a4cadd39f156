/** One run of one variant: connect, push, storm, push again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a run measured. Times in seconds, memory in KB per session, lost or doubled receipts. */
export type Run = {
  readonly connect: number;
  readonly push: number;
  readonly pushCpu: number;
  readonly storm: number;
  readonly stormCpu: number;
  readonly idleKb: number;
  readonly pushedKb: number;
  readonly lost: number;
};

/** How a run is made. */
export type RunOptions = {
  readonly agents: number;
  readonly clients: number;
  readonly pushes: number;
  readonly storms: number;
  readonly cpuProfile: string;
};

type Measured = { readonly rssBytes: number; readonly cpuMicros: number; readonly receipts: number };

/** Longest that one phase may take. */
const PHASE_MILLIS = 120_000;

/** Runs a variant once. */
export async function runVariant(variant: string, options: RunOptions): Promise<Run> {
  const profile = options.cpuProfile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.cpuProfile}`];
  const server = start('server.ts', [variant], ['--expose-gc', ...profile]);
  const clients: ChildProcess[] = [];
  try {
    const { port } = await heard<{ readonly port: number }>(server);
    const before = await measure(server, 'memory');
    const each = Math.ceil(options.agents / options.clients);
    for (let first = 0; first < options.agents; first += each) {
      const count = Math.min(each, options.agents - first);
      clients.push(start('clients.ts', [port, first, count].map(String)));
    }
    await Promise.all(clients.map((client) => told(client, 'started')));
    const connect = await timed(server, clients, 'welcomed', () => say(clients, 'connect'));
    const idle = await measure(server, 'memory');
    const pushes: Phase[] = [];
    for (let push = 0; push < options.pushes; push += 1) pushes.push(await pushOnce(server, clients, push));
    const afterPush = await measure(server, 'memory');
    const storms: Phase[] = [];
    for (let storm = 0; storm < options.storms; storm += 1) {
      storms.push(await timed(server, clients, 'welcomed', () => say(clients, 'storm')));
    }
    await pushOnce(server, clients, options.pushes);
    const end = await measure(server, 'memory');
    const perSession = (rssBytes: number) => (rssBytes - before.rssBytes) / 1024 / options.agents;
    return {
      connect: connect.seconds,
      push: median(pushes.map(({ seconds }) => seconds)),
      pushCpu: median(pushes.map(({ cpu }) => cpu)),
      storm: median(storms.map(({ seconds }) => seconds)),
      stormCpu: median(storms.map(({ cpu }) => cpu)),
      idleKb: perSession(idle.rssBytes),
      pushedKb: perSession(afterPush.rssBytes),
      lost: Math.abs(2 * options.agents * (options.pushes + 1) - end.receipts),
    };
  } finally {
    const ended = [server, ...clients].map((child) => once(child, 'exit'));
    server.disconnect();
    for (const client of clients) client.kill('SIGKILL');
    await Promise.all(ended);
  }
}

type Phase = { readonly seconds: number; readonly cpu: number };

async function pushOnce(server: ChildProcess, clients: readonly ChildProcess[], push: number): Promise<Phase> {
  const ready = clients.map((client) => told(client, 'ready'));
  say(clients, { expect: push });
  await Promise.all(ready);
  return timed(server, clients, 'stored', () => server.send({ push }));
}

/** From the order until every client has told that it is done. */
async function timed(
  server: ChildProcess,
  clients: readonly ChildProcess[],
  done: string,
  order: () => void,
): Promise<Phase> {
  const { cpuMicros } = await measure(server, 'cpu');
  const all = clients.map((client) => told(client, done));
  const started = performance.now();
  order();
  await Promise.all(all);
  const seconds = (performance.now() - started) / 1000;
  return { seconds, cpu: ((await measure(server, 'cpu')).cpuMicros - cpuMicros) / 1e6 };
}

function start(file: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  return fork(join(import.meta.dirname, file), args, { execArgv: [...flags] });
}

function say(children: readonly ChildProcess[], what: 'connect' | 'storm' | { readonly expect: number }): void {
  for (const child of children) child.send(what);
}

async function measure(server: ChildProcess, what: 'cpu' | 'memory'): Promise<Measured> {
  const answer = heard<Measured>(server);
  server.send(what);
  return answer;
}

async function heard<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(PHASE_MILLIS) });
  return message as T; // our own children: server.ts and clients.ts
}

/** Waits until a client tells this; a fault is told before anything else. */
async function told(client: ChildProcess, what: string): Promise<void> {
  const message = await heard<{ readonly what: string; readonly faults: readonly string[] }>(client);
  if (message.what !== what || message.faults.length > 0) {
    throw new Error(`waited for "${what}", an agent says "${message.what}": ${message.faults.join('; ')}`);
  }
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
