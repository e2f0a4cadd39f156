/** A gateway that is to end while a turn runs, in this order: suspended, let go, told to end, ended. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { isAlive } from '../fixtures/processes.ts';
import type { Answered } from './raw-gateway.ts';
import type { Behaviour, World } from './world.ts';

const LEASE_MILLIS = 120_000;

/** What a suspension says. */
type Suspended = {
  readonly status: string;
  readonly suspensionId?: string;
  readonly expiresAtMs: number;
  readonly activeCount: number;
  readonly blockers: readonly { readonly kind: string; readonly count: number; readonly message: string }[];
};

const prepare = { requestId: 'the-launcher', terminalPolicy: 'terminate', drain: true };
const suspend = async ({ client }: World) => (await client.get('gateway.suspend.prepare', prepare)) as Suspended;
const statusOf = async ({ client }: World) =>
  (await client.get('gateway.suspend.status', { suspensionId })) as Suspended;

let suspensionId = '';
let processInstanceId = '';
let release = () => {};
let waiting: Promise<Answered>;

export const drainBehaviours: readonly Behaviour[] = [
  {
    reason: 'a suspension while a turn runs is draining, says for what it waits, and is leased for two minutes',
    async holds(world) {
      const { client, model } = world;
      processInstanceId = String((await client.get('system.info', {}))['processInstanceId']);
      release = model.hold();
      const called = model.nextCall();
      await client.get('chat.send', { sessionKey: 'main', message: 'take your time', idempotencyKey: 'turn-2' });
      await called;
      waiting = client.ask('agent.wait', { runId: 'turn-2', timeoutMs: 60_000 });
      const { status, activeCount, blockers, expiresAtMs, ...more } = await suspend(world);
      suspensionId = more.suspensionId ?? '';
      assert.equal(status, 'draining');
      assert.match(suspensionId, /^[0-9a-f-]{36}$/);
      assert.ok(activeCount > 0 && blockers.some(({ kind }) => kind === 'chat-run'));
      assert.ok(blockers.every(({ kind, count, message }) => kind !== '' && count > 0 && message !== ''));
      assert.ok(Math.abs(expiresAtMs - Date.now() - LEASE_MILLIS) < 10_000);
    },
  },
  {
    reason: 'prepared again by the same it is the same suspension, for longer',
    async holds(world) {
      const { expiresAtMs } = await statusOf(world);
      const again = await suspend(world);
      assert.equal(again.suspensionId, suspensionId);
      assert.ok(again.expiresAtMs >= expiresAtMs);
    },
  },
  {
    reason: 'another cannot prepare one, nor ask for it by another name',
    async holds({ client }) {
      const other = await client.refusal('gateway.suspend.prepare', { ...prepare, requestId: 'another' });
      const wrong = await client.refusal('gateway.suspend.status', { suspensionId: 'another' });
      for (const { code, details } of [other, wrong]) {
        assert.deepEqual([code, details?.['reason']], ['UNAVAILABLE', 'gateway-suspension-conflict']);
      }
    },
  },
  {
    reason: 'while it is suspended nothing else is answered',
    async holds({ client }) {
      const requests = {
        'chat.send': { sessionKey: 'main', message: 'one more', idempotencyKey: 'turn-3' },
        'agent.wait': { runId: 'turn-2', timeoutMs: 10 },
        'chat.history': { sessionKey: 'main' },
        'config.get': {},
        'system.info': {},
      };
      for (const [method, params] of Object.entries(requests)) {
        const { code, message, details } = await client.refusal(method, params);
        assert.deepEqual(
          [code, message, details?.['reason']],
          ['UNAVAILABLE', `${method} unavailable during gateway suspension`, 'gateway-suspending'],
        );
      }
    },
  },
  {
    reason: 'while it is suspended clients are let in',
    holds: async ({ subject }) => (await subject.signIn()).close(),
  },
  {
    reason: 'while it is suspended it lives, and its probes say that it drains',
    async holds({ subject }) {
      assert.equal((await subject.page('/healthz')).status, 200);
      const startup = await subject.page('/startupz');
      const { ok, status } = JSON.parse(startup.text);
      assert.deepEqual([startup.status, ok, status], [503, false, 'draining']);
      const readiness = await subject.page('/readyz');
      const { ready, failing } = JSON.parse(readiness.text);
      assert.deepEqual([readiness.status, ready, failing], [503, false, ['gateway-draining']]);
    },
  },
  {
    reason: 'leave to interrupt is for one process only',
    async holds({ client, gateway }) {
      const target = { pid: gateway.pid, processInstanceId };
      const wrong = { suspensionId, target: { ...target, processInstanceId: 'another' } };
      const { code, message } = await client.refusal('gateway.suspend.handoff', wrong);
      assert.deepEqual([code, message], ['UNAVAILABLE', 'gateway process changed after preflight']);
    },
  },
  {
    reason: 'told to end it lives on until the turn has ended, and who waited for that is told',
    async holds({ gateway, subject }) {
      gateway.kill('SIGTERM');
      await awaitFact('it says that it ends', () => /received SIGTERM/.test(gateway.output()));
      assert.ok(isAlive(gateway.pid));
      assert.equal((await subject.page('/healthz')).status, 200);
      release();
      const answer = await waiting;
      assert.equal(answer.ok && answer.payload['status'], 'ok', JSON.stringify(answer));
    },
  },
  {
    reason: 'then it ends with 0, says goodbye to its clients, and that it has ended cleanly',
    async holds({ client, gateway }) {
      assert.deepEqual(await gateway.ended, { code: 0, signal: null });
      assert.deepEqual(await client.closed, { code: 1012, reason: 'service restart' });
      assert.match(gateway.output(), /completed cleanly/);
    },
  },
  {
    reason: 'an OpenClaw that has ended leaves the WAL of its databases, and no lease',
    async holds({ subject }) {
      for (const path of ['state/openclaw.sqlite', 'agents/main/agent/openclaw-agent.sqlite']) {
        assert.ok(existsSync(join(subject.folders.state, `${path}-wal`)), path);
      }
      const leases = subject.look('state/openclaw.sqlite', (database) =>
        database.prepare("SELECT count(*) AS count FROM state_leases WHERE scope = 'gateway-owner'").get(),
      );
      assert.equal(leases?.['count'], 0);
    },
  },
];
