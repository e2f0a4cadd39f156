/** `agents/ID/agent/openclaw-agent.sqlite`: what was said in an agent's sessions. Each message is on disk when `add` returns. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Build } from '../build.ts';

/** A message as `chat.history` tells it. */
export type Message = { readonly role: 'user' | 'assistant'; readonly content: unknown; readonly timestamp: number };

/** The database of one agent, open. */
export class AgentDatabase {
  readonly #database: DatabaseSync;

  constructor(state: string, agent: string, { agentSchema }: Build) {
    const folder = join(state, 'agents', agent, 'agent');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#database = new DatabaseSync(join(folder, 'openclaw-agent.sqlite'), { timeout: 5_000 });
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA user_version = ${agentSchema};
      CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, session_key TEXT NOT NULL, role TEXT NOT NULL, content_json TEXT NOT NULL,
        run_id TEXT NOT NULL, timestamp INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX IF NOT EXISTS messages_of_session ON messages (session_key, seq);`);
  }

  add(session: string, run: string, { role, content, timestamp }: Message): void {
    this.#database
      .prepare(
        'INSERT INTO messages (id, session_key, role, content_json, run_id, timestamp) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(randomUUID(), session, role, JSON.stringify(content), run, timestamp);
  }

  /** The newest messages of a session, oldest first. */
  newest(session: string, most: number): Message[] {
    const rows = this.#database
      .prepare('SELECT role, content_json, timestamp FROM messages WHERE session_key = ? ORDER BY seq DESC LIMIT ?')
      .all(session, most);
    return rows.toReversed().map((row) => ({
      role: row['role'] === 'user' ? 'user' : 'assistant',
      content: JSON.parse(String(row['content_json'])),
      timestamp: Number(row['timestamp']),
    }));
  }
}
