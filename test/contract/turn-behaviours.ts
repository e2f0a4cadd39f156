/** Turns, and what of them is on the disk. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Behaviour } from './world.ts';

/** The first turn loads code: 8 s on a quiet machine. */
const FIRST_TURN_MILLIS = 180_000;
let callsOfFirst = 0;

export const turnBehaviours: readonly Behaviour[] = [
  {
    reason: 'a turn is taken up at once, and ends well with what the model says',
    async holds({ client, model }) {
      const message = { sessionKey: 'main', message: 'remember the heron', idempotencyKey: 'turn-1' };
      assert.deepEqual(await client.get('chat.send', message), { runId: 'turn-1', status: 'started' });
      const { status } = await client.get('agent.wait', { runId: 'turn-1', timeoutMs: FIRST_TURN_MILLIS });
      assert.equal(status, 'ok');
      callsOfFirst = model.calls.length;
      assert.match(JSON.stringify(model.calls.at(-1)?.body), /remember the heron/);
    },
  },
  {
    reason: 'the same message under the same key is no second turn',
    async holds({ client, model }) {
      const message = { sessionKey: 'main', message: 'remember the heron', idempotencyKey: 'turn-1' };
      const { runId } = await client.get('chat.send', message);
      assert.equal(runId, 'turn-1');
      assert.equal((await client.get('agent.wait', { runId, timeoutMs: FIRST_TURN_MILLIS }))['status'], 'ok');
      assert.equal(model.calls.length, callsOfFirst);
    },
  },
  {
    reason: 'the history of a session has both sides, oldest first',
    async holds({ client }) {
      const { messages } = (await client.get('chat.history', { sessionKey: 'main', limit: 1_000 })) as {
        messages: { role: string; content: unknown }[];
      };
      assert.deepEqual(
        messages.map(({ role, content }) => ({ role, content })),
        [
          { role: 'user', content: 'remember the heron' },
          { role: 'assistant', content: [{ type: 'text', text: 'The stand-in answers.' }] },
        ],
      );
    },
  },
  {
    reason: 'waiting for a turn that there is not is a timeout, no error',
    async holds({ client }) {
      const { status } = await client.get('agent.wait', { runId: 'nobody', timeoutMs: 100 });
      assert.equal(status, 'timeout');
    },
  },
  {
    reason: 'a turn is in the agent’s own database, which is in WAL mode',
    async holds({ subject }) {
      const path = 'agents/main/agent/openclaw-agent.sqlite';
      const found = subject.look(path, (database) => [
        database.prepare('PRAGMA journal_mode').get()?.['journal_mode'],
        database.prepare('PRAGMA user_version').get()?.['user_version'],
      ]);
      assert.deepEqual(found, ['wal', 23]);
      assert.ok(existsSync(join(subject.folders.state, `${path}-wal`)));
    },
  },
  {
    reason: 'the first turn fills the workspace',
    async holds({ subject }) {
      for (const name of ['AGENTS.md', 'BOOTSTRAP.md', 'IDENTITY.md', 'SOUL.md', 'USER.md']) {
        assert.ok(existsSync(join(subject.folders.state, 'workspace', name)), name);
      }
    },
  },
  {
    reason: 'OpenClaw’s own database is in WAL mode, of its schema, and says whose it is',
    async holds({ subject }) {
      const found = subject.look('state/openclaw.sqlite', (database) => ({
        mode: database.prepare('PRAGMA journal_mode').get()?.['journal_mode'],
        schema: database.prepare('PRAGMA user_version').get()?.['user_version'],
        meta: database.prepare("SELECT role, schema_version FROM schema_meta WHERE meta_key = 'primary'").get(),
      }));
      assert.deepEqual(
        { ...found, meta: { ...found.meta } },
        {
          mode: 'wal',
          schema: 18,
          meta: { role: 'global', schema_version: 18 },
        },
      );
    },
  },
  {
    reason: 'a lease in it names the process that has the state, and its heartbeat',
    async holds({ subject, gateway }) {
      const lease = subject.look('state/openclaw.sqlite', (database) =>
        database.prepare("SELECT * FROM state_leases WHERE scope = 'gateway-owner' AND lease_key = 'global'").get(),
      );
      const { owner, port } = JSON.parse(String(lease?.['payload_json']));
      assert.deepEqual([owner.pid, port], [gateway.pid, subject.port]);
      const [beat, until] = [Number(lease?.['heartbeat_at']), Number(lease?.['expires_at'])];
      assert.equal(until - beat, 300_000);
      assert.ok(Date.now() - beat < 60_000);
    },
  },
];
