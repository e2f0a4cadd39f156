/** The gateway's HTTP side and its handshake. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { versions } from '../fixtures/runtime-seed.ts';
import { RawGateway } from './raw-gateway.ts';
import type { Behaviour } from './world.ts';

const forwarded = { headers: { 'x-forwarded-for': '192.0.2.1' } };

export const probeBehaviours: readonly Behaviour[] = [
  {
    reason: '/healthz says that it lives, in JSON',
    async holds({ subject }) {
      const { status, type, text } = await subject.page('/healthz');
      assert.equal(status, 200);
      assert.match(type, /^application\/json/);
      assert.deepEqual(JSON.parse(text), { ok: true, status: 'live' });
    },
  },
  {
    reason: '/startupz says that it has started, and which version it is',
    async holds({ subject }) {
      const { status, text } = await subject.page('/startupz');
      assert.equal(status, 200);
      const { uptimeMs, ...said } = JSON.parse(text);
      assert.deepEqual(said, { ok: true, status: 'started', version: versions.current });
      assert.equal(typeof uptimeMs, 'number');
    },
  },
  {
    reason: '/readyz says that nothing is failing',
    async holds({ subject }) {
      const { status, text } = await subject.page('/readyz');
      const { ready, failing } = JSON.parse(text);
      assert.deepEqual({ status, ready, failing }, { status: 200, ready: true, failing: [] });
    },
  },
  {
    reason: 'a path that it does not know is its web page, with 200: only JSON tells a probe',
    async holds({ subject }) {
      const { status, type } = await subject.page('/no/such/path');
      assert.equal(status, 200);
      assert.match(type, /^text\/html/);
    },
  },
  {
    reason: 'a probe with the headers of a proxy that it does not know is refused with 403, but for /healthz',
    async holds({ subject }) {
      assert.equal((await subject.page('/healthz', forwarded)).status, 200);
      for (const path of ['/startupz', '/readyz']) {
        const { status, text } = await subject.page(path, forwarded);
        assert.equal(status, 403);
        assert.equal(JSON.parse(text).error.type, 'proxy_attribution_required');
      }
    },
  },
  {
    reason: 'a probe is only read',
    holds: async ({ subject }) => assert.equal((await subject.page('/healthz', { method: 'POST' })).status, 405),
  },
  {
    reason: 'its process is named openclaw-gateway, by which it is found',
    async holds({ gateway }) {
      // Linux keeps the first 15 letters.
      assert.equal(readFileSync(`/proc/${gateway.pid}/comm`, 'utf8').trim(), 'openclaw-gateway'.slice(0, 15));
    },
  },
  {
    reason: 'the gateway speaks first: a challenge with a nonce',
    async holds({ subject }) {
      const gateway = new RawGateway(subject.port);
      assert.equal(typeof (await gateway.challenge)['nonce'], 'string');
      await gateway.close();
    },
  },
  {
    reason: 'a first request other than connect is refused, and the connection is closed',
    async holds({ subject }) {
      const gateway = new RawGateway(subject.port);
      await gateway.challenge;
      const { code, message } = await gateway.refusal('config.get', {});
      assert.equal(code, 'INVALID_REQUEST');
      assert.equal(message, 'invalid handshake: first request must be connect');
      assert.equal((await gateway.closed).code, 1008);
    },
  },
  {
    reason: 'a wrong token is told as such, and the connection is closed',
    async holds({ subject }) {
      const gateway = new RawGateway(subject.port);
      const answer = await gateway.signIn('another-token');
      assert.ok(!answer.ok);
      assert.equal(answer.error.code, 'INVALID_REQUEST');
      assert.equal(answer.error.details?.['code'], 'AUTH_TOKEN_MISMATCH');
      assert.match(answer.error.message, /^unauthorized: gateway token mismatch/);
      assert.equal((await gateway.closed).code, 1008);
    },
  },
  {
    reason: 'the right token gets hello-ok: protocol 4, its version, and the scopes that were asked for',
    async holds({ subject }) {
      const gateway = new RawGateway(subject.port);
      const answer = await gateway.signIn(subject.token);
      assert.ok(answer.ok);
      const { type, protocol, server, auth } = answer.payload as Record<string, Record<string, unknown>>;
      assert.deepEqual([type, protocol], ['hello-ok', 4]);
      assert.equal(server?.['version'], versions.current);
      assert.equal(auth?.['role'], 'operator');
      assert.deepEqual(auth?.['scopes'], ['operator.admin', 'operator.read', 'operator.write']);
      await gateway.close();
    },
  },
  {
    reason: 'a method that it does not know is refused with its name',
    async holds({ client }) {
      const { code, message } = await client.refusal('no.such.method', {});
      assert.deepEqual([code, message], ['INVALID_REQUEST', 'unknown method: no.such.method']);
    },
  },
  {
    reason: 'system.info tells the process, by which a launcher knows its own',
    async holds({ client, gateway, subject }) {
      const { pid, port, processInstanceId } = await client.get('system.info', {});
      assert.deepEqual([pid, port], [gateway.pid, subject.port]);
      assert.match(String(processInstanceId), /^[0-9a-f-]{36}$/);
    },
  },
];
