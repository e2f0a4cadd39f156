/** Turns: a message goes to the model that the configuration names, and both sides of it into the agent's database. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Build } from '../build.ts';
import { at, type JsonObject } from '../json.ts';
import { AgentDatabase, type Message } from '../state/agent-database.ts';
import { askModel } from './model.ts';

/** How a turn ended. */
type Ended = { readonly status: 'ok' | 'error'; readonly error?: string; readonly endedAt: number };

type Turn = { readonly ended: Promise<Ended>; end: Ended | undefined };

/** What turns need. */
export type TurnPorts = {
  readonly state: string;
  readonly build: Build;
  /** The configuration in effect, secrets included. */
  readonly config: () => JsonObject;
};

const bootstrapFiles = ['AGENTS.md', 'BOOTSTRAP.md', 'IDENTITY.md', 'SOUL.md', 'USER.md'];

/** The turns of one gateway. */
export class Turns {
  readonly #ports: TurnPorts;
  readonly #turns = new Map<string, Turn>();
  readonly #databases = new Map<string, AgentDatabase>();
  readonly #interruption = new AbortController();
  #active = 0;

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** How many run. */
  get active(): number {
    return this.#active;
  }

  /** Cuts off what runs. */
  interrupt(): void {
    this.#interruption.abort();
  }

  /** Begins one; said again under the same key it is the same one. Throws, and begins none, when the message cannot be stored. */
  begin(session: string, message: string, key: string = randomUUID()): object {
    const known = this.#turns.get(key);
    if (known !== undefined) return { runId: key, status: known.end?.status ?? 'in_flight' };
    this.#bootstrap(agentOf(session));
    this.#add(session, key, 'user', message);
    this.#active += 1;
    const turn: Turn = { ended: this.#take(session, key), end: undefined };
    this.#turns.set(key, turn);
    void turn.ended.then((end) => {
      turn.end = end;
      this.#active -= 1;
    });
    return { runId: key, status: 'started' };
  }

  /** Waits for the end of one, for no longer than that. */
  async wait(runId: string, timeoutMillis: number): Promise<object> {
    const timeout = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => timeout.resolve(undefined), timeoutMillis);
    const end = await Promise.race([this.#turns.get(runId)?.ended ?? timeout.promise, timeout.promise]);
    clearTimeout(timer);
    return { runId, ...(end ?? { status: 'timeout' }) };
  }

  history(session: string, limit: number): object {
    const messages = this.#database(session).newest(fullKey(session), Math.min(limit, 1_000));
    return { sessionKey: session, messages, hasMore: false, totalMessages: messages.length };
  }

  async #take(session: string, run: string): Promise<Ended> {
    try {
      const said = this.#database(session).newest(fullKey(session), 100);
      const text = await askModel(this.#ports.config(), said, this.#interruption.signal);
      this.#add(session, run, 'assistant', [{ type: 'text', text }]);
      return { status: 'ok', endedAt: Date.now() };
    } catch (cause) {
      return { status: 'error', error: cause instanceof Error ? cause.message : String(cause), endedAt: Date.now() };
    }
  }

  #add(session: string, run: string, role: Message['role'], content: unknown): void {
    this.#database(session).add(fullKey(session), run, { role, content, timestamp: Date.now() });
  }

  #database(session: string): AgentDatabase {
    const agent = agentOf(session);
    const known = this.#databases.get(agent) ?? new AgentDatabase(this.#ports.state, agent, this.#ports.build);
    this.#databases.set(agent, known);
    return known;
  }

  /** An agent's first turn fills its workspace. */
  #bootstrap(agent: string): void {
    const { config, state } = this.#ports;
    const own = at(config(), 'agents', 'entries', agent, 'workspace');
    const workspace =
      typeof own === 'string' ? own : join(state, agent === 'main' ? 'workspace' : `workspace-${agent}`);
    mkdirSync(workspace, { recursive: true, mode: 0o700 });
    for (const name of bootstrapFiles) {
      const file = join(workspace, name);
      if (!existsSync(file)) writeFileSync(file, `# ${name}\n`);
    }
  }
}

/** `main` is the default agent's; another's is named `agent:ID:KEY`. */
function fullKey(session: string): string {
  return session.startsWith('agent:') ? session : `agent:main:${session}`;
}

function agentOf(session: string): string {
  return fullKey(session).split(':')[1] ?? 'main';
}
