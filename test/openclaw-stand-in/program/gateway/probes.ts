/** The gateway's HTTP side: three probes in JSON, and a web page for every path that it does not know. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How far the gateway is. */
export type Stage = 'starting' | 'started' | 'draining';

/** What is known of the gateway when it is asked. */
type Seen = { readonly stage: Stage; readonly version: string; readonly startedAt: number };

/** What it answers: a page of text, or JSON. */
type Page = { readonly status: number; readonly json?: object; readonly html?: string; readonly text?: string };

/** Answers a request. */
export function serveHttp(request: IncomingMessage, response: ServerResponse, seen: Seen): void {
  const { status, json, html, text = '' } = pageFor(request, seen);
  const type = json === undefined ? (html === undefined ? 'text/plain' : 'text/html') : 'application/json';
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8` });
  response.end(json === undefined ? (html ?? text) : JSON.stringify(json));
}

function pageFor(request: IncomingMessage, { stage, version, startedAt }: Seen): Page {
  const { pathname } = new URL(request.url ?? '/', 'http://gateway');
  if (!['/healthz', '/startupz', '/readyz'].includes(pathname)) return { status: 200, html: controlUi };
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, text: 'Method Not Allowed' };
  if (pathname === '/healthz') return { status: 200, json: { ok: true, status: 'live' } };
  if (isForwarded(request)) return { status: 403, json: unattributed };
  const uptimeMs = Math.round(performance.now() - startedAt);
  const isStarted = stage === 'started';
  const status = isStarted ? 200 : 503;
  if (pathname === '/readyz') return { status, json: { ready: isStarted, failing: failing[stage], uptimeMs } };
  const pending = stage === 'starting' ? { pendingReason: 'startup-sidecars' } : {};
  return { status, json: { ok: isStarted, status: stage, version, uptimeMs, ...pending } };
}

const controlUi = '<!doctype html>\n<html><head><title>OpenClaw Control</title></head></html>\n';

const failing: Readonly<Record<Stage, readonly string[]>> = {
  starting: ['startup-sidecars'],
  started: [],
  draining: ['gateway-draining'],
};

const unattributed = {
  error: {
    message:
      'Proxy client attribution is required. Configure gateway.trustedProxies narrowly and make the proxy overwrite or safely rebuild forwarded client headers.',
    type: 'proxy_attribution_required',
  },
};

function isForwarded({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'));
}
