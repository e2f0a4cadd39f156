import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { Health } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type Component, ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { probeAll } from '../openclaw/probes.ts';
import { Observer } from './observer.ts';

/** Twenty times as fast as the machine's, so that seconds of silence are a moment. */
const FASTER = 20;
const clock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * FASTER,
  sleep: (millis, signal) => systemClock.sleep(millis / FASTER, signal),
};

/** Answers all probes as an OpenClaw that is ready. */
const gateway = `
  const answer = { ok: true, status: 'started', version: '2026.9.6', ready: true, failing: [] };
  const server = require('node:http').createServer((_request, response) => response.end(JSON.stringify(answer)));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

test('an OpenClaw that was ready and stands still is degraded within seconds, and ready again when it goes on', {
  timeout: 60_000,
}, async () => {
  const child = spawn(process.execPath, ['-e', gateway], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const { value: port } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    const reports: Health[] = [];
    let heard = Promise.withResolvers<void>();
    const observer = new Observer({
      agentVersion: '1',
      tenantFolder: tmpdir(),
      gatewayUrl: `http://127.0.0.1:${port}`,
      probe: (signal) => probeAll(Number(port), { signal, timeoutMillis: 100 }),
      process: () => ({ state: 'running', pid: child.pid ?? 0, sinceAt: Date.now(), failures: 0, nextTryAt: 0 }),
      drained: () => false,
      vault: () => ({
        state: 'kept',
        unsavedMillis: 0,
        overdueMillis: 0,
        trouble: '',
        unread: [],
        slow: [],
        pruneTrouble: '',
      }),
      config: () => ({ drift: [], effectiveDigest: '', unwatched: '' }),
      onStarted: () => {},
      onRoom: () => {},
      readyMillis: 180_000,
      report(health) {
        reports.push(health);
        heard.resolve();
      },
      clock,
      log: createLogger({ program: 'test', level: 'silent' }),
    });
    /** What OpenClaw's gateway is in the first report from now on that says so. */
    const reached = async (state: ComponentState): Promise<Component> => {
      for (;;) {
        const openclaw = reports.at(-1)?.root?.parts.find(({ name }) => name === 'openclaw');
        if (openclaw?.state === state) return openclaw;
        heard = Promise.withResolvers();
        await heard.promise;
      }
    };
    observer.start();
    await reached(ComponentState.HEALTHY);
    child.kill('SIGSTOP');
    const degraded = await reached(ComponentState.DEGRADED);
    assert.match(degraded.message, /^has not answered since \d\d:\d\d:\d\d UTC$/);
    const states = reports.map(({ root }) => root?.parts.find(({ name }) => name === 'openclaw')?.state);
    assert.ok(
      !states.slice(states.indexOf(ComponentState.HEALTHY)).includes(ComponentState.STARTING),
      'it is not on its way up',
    );
    child.kill('SIGCONT');
    await reached(ComponentState.HEALTHY);
    await observer.stop();
  } finally {
    child.kill('SIGKILL');
  }
});
