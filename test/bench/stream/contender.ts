/** One of those that are compared: a server and the agents that are connected to it, each in processes of their own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** How a contender is started. */
export type ContenderOptions = {
  readonly agents: number;
  /** Processes that the agents are spread over. */
  readonly clients: number;
  /** Folder for a CPU profile of the server, or empty. */
  readonly cpuProfile: string;
};

/** From an order until every agent has seen it done; and the server's own processor time for it. */
export type Phase = { readonly seconds: number; readonly cpu: number };

type Measured = { readonly rssBytes: number; readonly cpuMicros: number; readonly receipts: number };

/** How long a server is looked at, and the share of a core below which it is at rest. */
const [REST_MILLIS, QUIET] = [250, 0.04];

/** Longest that one phase may take. */
const PHASE_MILLIS = 120_000;

/** A server and its agents. */
export class Contender {
  readonly #server: ChildProcess;
  readonly #clients: readonly ChildProcess[];
  readonly #agents: number;
  readonly #emptyBytes: number;

  private constructor(server: ChildProcess, clients: readonly ChildProcess[], agents: number, emptyBytes: number) {
    this.#server = server;
    this.#clients = clients;
    this.#agents = agents;
    this.#emptyBytes = emptyBytes;
  }

  /** Starts the server of this variant and its agents; nobody is connected yet. */
  static async start(variant: string, { agents, clients, cpuProfile }: ContenderOptions): Promise<Contender> {
    const profile = cpuProfile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfile}`];
    const server = start('server.ts', [variant], ['--expose-gc', ...profile]);
    const { port } = await heard<{ readonly port: number }>(server);
    const { rssBytes } = await measure(server, 'memory');
    const each = Math.ceil(agents / clients);
    const started: ChildProcess[] = [];
    for (let first = 0; first < agents; first += each) {
      const client = start('clients.ts', [port, first, Math.min(each, agents - first)].map(String));
      await told(client, 'started');
      started.push(client);
    }
    return new Contender(server, started, agents, rssBytes);
  }

  /** Connects all agents for the first time. */
  connect(): Promise<Phase> {
    return this.#timed('welcomed', () => this.#say('connect'));
  }

  /** Cuts all connections at once, and has all agents connect again. */
  storm(): Promise<Phase> {
    return this.#timed('welcomed', () => this.#say('storm'));
  }

  /** Pushes to all, and takes two receipts from each. */
  async push(push: number): Promise<Phase> {
    const ready = this.#clients.map((client) => told(client, 'ready'));
    this.#say({ expect: push });
    await Promise.all(ready);
    return this.#timed('stored', () => this.#server.send({ push }));
  }

  /** What the server takes for each agent, in KB, after a collection of garbage; and the receipts it got so far. */
  async memory(): Promise<{ readonly kilobytes: number; readonly receipts: number }> {
    const { rssBytes, receipts } = await measure(this.#server, 'memory');
    return { kilobytes: (rssBytes - this.#emptyBytes) / 1024 / this.#agents, receipts };
  }

  /** Waits until the server has nothing left to do: it closes and collects for a while after a storm. */
  async quiet(): Promise<void> {
    let before = (await measure(this.#server, 'cpu')).cpuMicros;
    for (let busy = true; busy; ) {
      await wait(REST_MILLIS);
      const { cpuMicros } = await measure(this.#server, 'cpu');
      busy = cpuMicros - before > QUIET * REST_MILLIS * 1000;
      before = cpuMicros;
    }
  }

  async stop(): Promise<void> {
    const ended = [this.#server, ...this.#clients].map((child) => once(child, 'exit'));
    this.#server.disconnect();
    for (const client of this.#clients) client.kill('SIGKILL');
    await Promise.all(ended);
  }

  async #timed(done: string, order: () => void): Promise<Phase> {
    const { cpuMicros } = await measure(this.#server, 'cpu');
    const all = this.#clients.map((client) => told(client, done));
    const started = performance.now();
    order();
    await Promise.all(all);
    const seconds = (performance.now() - started) / 1000;
    return { seconds, cpu: ((await measure(this.#server, 'cpu')).cpuMicros - cpuMicros) / 1e6 };
  }

  #say(what: 'connect' | 'storm' | { readonly expect: number }): void {
    for (const client of this.#clients) client.send(what);
  }
}

function start(file: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  return fork(join(import.meta.dirname, file), args, { execArgv: [...flags] });
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
