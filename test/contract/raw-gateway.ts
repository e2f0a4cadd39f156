/** A client of the gateway that shows its frames as they are, refusals included. */
import { randomUUID } from 'node:crypto';

/** What a request is answered with. */
export type Answered =
  | { readonly ok: true; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly error: Refused };

/** A refusal as it stands on the wire. */
export type Refused = {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
};

/** How a connection ended. */
export type Closed = { readonly code: number; readonly reason: string };

/** One connection. */
export class RawGateway {
  readonly closed: Promise<Closed>;
  readonly #challenge = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  readonly #socket: WebSocket;
  readonly #unanswered = new Map<string, (answer: Answered) => void>();

  constructor(port: number) {
    const closed = Promise.withResolvers<Closed>();
    this.closed = closed.promise;
    this.#challenge.promise.catch(() => {}); // told to whoever asks
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#socket.addEventListener('error', () => {}); // the close that follows says the same
    this.#socket.addEventListener('close', ({ code, reason }) => {
      this.#challenge.reject(new Error(`the connection closed: ${code} ${reason}`));
      for (const answer of this.#unanswered.values()) {
        answer({ ok: false, error: { code: 'CLOSED', message: `${code} ${reason}` } });
      }
      closed.resolve({ code, reason });
    });
    this.#socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(String(data));
      if (frame.type === 'event' && frame.event === 'connect.challenge') this.#challenge.resolve(frame.payload);
      if (frame.type !== 'res') return;
      this.#unanswered.get(frame.id)?.(frame);
      this.#unanswered.delete(frame.id);
    });
  }

  /** Connects and signs in; throws when it is not let in. */
  static async signedIn(port: number, token: string): Promise<RawGateway> {
    const gateway = new RawGateway(port);
    const hello = await gateway.signIn(token);
    if (!hello.ok) throw new Error(`not let in: ${JSON.stringify(hello.error)}`);
    return gateway;
  }

  /** What the gateway says first. */
  get challenge(): Promise<Readonly<Record<string, unknown>>> {
    return this.#challenge.promise;
  }

  async signIn(token: string): Promise<Answered> {
    await this.challenge;
    return this.ask('connect', {
      minProtocol: 4,
      maxProtocol: 4,
      client: { id: 'gateway-client', version: '0.1.0', platform: process.platform, mode: 'backend' },
      role: 'operator',
      scopes: ['operator.admin', 'operator.read', 'operator.write'],
      caps: [],
      commands: [],
      permissions: {},
      auth: { token },
    });
  }

  /** One request. A connection that ends answers it with the code `CLOSED`. */
  ask(method: string, params: object): Promise<Answered> {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ ok: false, error: { code: 'CLOSED', message: 'the connection is closed' } });
    }
    const id = randomUUID();
    return new Promise((resolve) => {
      this.#unanswered.set(id, resolve);
      this.#socket.send(JSON.stringify({ type: 'req', id, method, params }));
    });
  }

  /** The payload of an answer; throws a refusal. */
  async get(method: string, params: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.ask(method, params);
    if (answer.ok) return answer.payload;
    throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  }

  /** The refusal of a request; throws when it is not refused. */
  async refusal(method: string, params: object): Promise<Refused> {
    const answer = await this.ask(method, params);
    if (!answer.ok) return answer.error;
    throw new Error(`${method} was not refused: ${JSON.stringify(answer.payload).slice(0, 500)}`);
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}
