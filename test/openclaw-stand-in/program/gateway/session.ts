/** One client of the gateway: it is challenged, signs in, and then its requests are answered. */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject } from '../json.ts';
import { invalid, Refusal, unavailable } from './refusal.ts';
import type { WebSocketConnection } from './websocket.ts';

const PROTOCOL = 4;

/** What a session needs of the gateway. */
export type SessionPorts = {
  readonly version: string;
  readonly token: string | undefined;
  readonly isStarted: () => boolean;
  /** Answers a request of a client that has signed in; throws Refusal. */
  readonly answer: (method: string, parameters: JsonObject) => Promise<unknown>;
  readonly closed: () => void;
};

type Request = { readonly id: string; readonly method: string; readonly params: JsonObject };

/** The session. */
export class Session {
  readonly #connection: WebSocketConnection;
  readonly #ports: SessionPorts;
  #isSignedIn = false;

  constructor(connection: WebSocketConnection, ports: SessionPorts) {
    this.#connection = connection;
    this.#ports = ports;
    connection.onMessage = (text) => void this.#on(text);
    connection.onClosed = () => ports.closed();
    this.#send({ type: 'event', event: 'connect.challenge', payload: { nonce: randomUUID(), ts: Date.now() } });
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  async #on(text: string): Promise<void> {
    const request = parse(text);
    if (request === undefined) return this.close(1008, 'invalid request frame');
    const { id, method, params } = request;
    try {
      const payload = this.#isSignedIn ? await this.#ports.answer(method, params) : this.#signIn(method, params);
      this.#send({ type: 'res', id, ok: true, payload });
    } catch (cause) {
      const refusal = cause instanceof Refusal ? cause : unavailable(String(cause));
      this.#send({ type: 'res', id, ok: false, error: refusal.wire });
      if (this.#isSignedIn) return;
      if (refusal.wire.code === 'UNAVAILABLE') this.close(1013, 'gateway starting');
      else this.close(1008, refusal.message);
    }
  }

  #signIn(method: string, { auth, scopes, role }: JsonObject): object {
    const { version, token, isStarted } = this.#ports;
    if (method !== 'connect') throw invalid('invalid handshake: first request must be connect');
    if (!isStarted()) {
      throw unavailable('gateway starting; retry shortly', {
        retryable: true,
        retryAfterMs: 500,
        details: { reason: 'startup-sidecars' },
      });
    }
    if (!isSame(isObject(auth) ? auth['token'] : undefined, token)) {
      throw invalid('unauthorized: gateway token mismatch (provide gateway auth token)', {
        code: 'AUTH_TOKEN_MISMATCH',
        authReason: 'token_mismatch',
        canRetryWithDeviceToken: false,
        recommendedNextStep: 'update_auth_credentials',
      });
    }
    this.#isSignedIn = true;
    return {
      type: 'hello-ok',
      protocol: PROTOCOL,
      server: { version, connId: randomUUID() },
      auth: { method: 'token', role, scopes },
    };
  }

  #send(frame: object): void {
    this.#connection.send(JSON.stringify(frame));
  }
}

function parse(text: string): Request | undefined {
  try {
    const { type, id, method, params } = JSON.parse(text);
    if (type !== 'req' || typeof id !== 'string' || typeof method !== 'string') return undefined;
    return { id, method, params: isObject(params) ? params : {} };
  } catch {
    return undefined;
  }
}

function isSame(given: unknown, expected: string | undefined): boolean {
  if (typeof given !== 'string' || expected === undefined) return false;
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
