import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { after, test } from 'node:test';
import { probeAll, probeStartup } from './probes.ts';

const closing: (() => Promise<void>)[] = [];
after(() => Promise.all(closing.map((close) => close())));

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A gateway that says these things; the answers are those of 2026.9.6. */
function gateway(startup: object, ready: object, status = 200) {
  return serve((request, response) => {
    const answers: Record<string, object> = {
      '/healthz': { ok: true, status: 'live' },
      '/startupz': startup,
      '/readyz': ready,
    };
    response.writeHead(request.url === '/healthz' ? 200 : status).end(JSON.stringify(answers[request.url ?? '']));
  });
}

test('a gateway that is ready', async () => {
  const port = await gateway(
    { ok: true, status: 'started', version: '2026.9.6', uptimeMs: 10 },
    { ready: true, failing: [], uptimeMs: 10 },
  );
  assert.deepEqual(await probeAll(port), {
    live: true,
    started: true,
    ready: true,
    version: '2026.9.6',
    status: 'started',
    failing: [],
  });
});

test('503 is an answer: it drains, and says what fails', async () => {
  const port = await gateway({ ok: false, status: 'draining' }, { ready: false, failing: ['telegram'] }, 503);
  const probes = await probeAll(port);
  assert.deepEqual(
    [probes?.live, probes?.started, probes?.status, probes?.failing],
    [true, false, 'draining', ['telegram']],
  );
});

test('a start that waits says for what', async () => {
  const port = await gateway({ ok: false, status: 'starting', pendingReason: 'startup-sidecars' }, {}, 503);
  assert.deepEqual(await probeStartup(port), {
    started: false,
    status: 'starting',
    version: '',
    pending: 'startup-sidecars',
  });
});

test('a page is not an answer, even with status 200: the web interface answers on every path', async () => {
  const port = await serve((_request, response) => response.end('<!doctype html><title>OpenClaw</title>'));
  await assert.rejects(probeStartup(port), { code: 'unavailable', reason: 'gateway_unreachable' });
  assert.equal(await probeAll(port), undefined);
});

test('JSON of somebody else is not an answer', async () => {
  const port = await serve((_request, response) => response.end('{"hello":"world"}'));
  assert.equal(await probeAll(port), undefined);
});

test('nobody there is seen as nobody there', async () => {
  const port = await serve((_request, response) => response.end());
  await closing.pop()?.();
  assert.equal(await probeAll(port), undefined);
});

test('one that never answers is given up, and a caller who gives up earlier hears their own abort', async () => {
  const port = await serve(() => {});
  assert.equal(await probeAll(port, { timeoutMillis: 20 }), undefined);
  const stop = new AbortController();
  const probing = probeAll(port, { signal: stop.signal });
  stop.abort();
  await assert.rejects(probing, { name: 'AbortError' });
});
