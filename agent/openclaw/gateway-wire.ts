/**
 * The frames of OpenClaw's gateway protocol on one WebSocket: an answer for every request, or an error that says why.
 *
 *   opening ──connect.challenge──▶ challenged ──requests──▶ closed (everything still unanswered is refused)
 */
import { randomUUID } from 'node:crypto';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { gatewayErrorSchema, toGatewayRefusal } from './gateway-error.ts';

const frameSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('event'), event: z.string() }),
  z.object({
    type: z.literal('res'),
    id: z.string(),
    ok: z.boolean(),
    payload: z.unknown().optional(),
    error: gatewayErrorSchema.optional(),
  }),
]);

type Unanswered = {
  readonly method: string;
  readonly resolve: (payload: unknown) => void;
  readonly reject: (cause: OpenCraneError) => void;
};

/** One connection. Reconnecting is the caller's. */
export class GatewayWire {
  /** Resolves when the gateway has spoken, which it does first; rejects when the connection ends before. */
  readonly challenged: Promise<void>;
  /** Resolves, with why, when the connection is gone; never rejects. */
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;
  readonly #unanswered = new Map<string, Unanswered>();
  readonly #gone: (why: string) => void;

  constructor(port: number) {
    const challenged = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string>();
    challenged.promise.catch(() => {}); // who gave up waiting has another error already
    this.challenged = challenged.promise;
    this.closed = closed.promise;
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#socket.addEventListener('message', ({ data }) => {
      const frame = parseFrame(data);
      if (frame === undefined) return this.close("it does not speak OpenClaw's protocol");
      if (frame.type === 'res') return this.#answer(frame);
      if (frame.event === 'connect.challenge') challenged.resolve(); // other events are for those who show things
    });
    this.#gone = (why) => {
      const gone = connectionLost(`connection to the gateway on port ${port} closed: ${why}`);
      challenged.reject(gone);
      for (const { reject } of this.#unanswered.values()) reject(gone);
      this.#unanswered.clear();
      closed.resolve(why);
    };
    this.#socket.addEventListener('close', ({ code, reason }) => this.#gone(reason || `code ${code}`));
    // The close event that follows says the same; without a listener it would end the process.
    this.#socket.addEventListener('error', () => {});
  }

  /** Sends a request; resolves with its payload, throws what OpenClaw refused it with. */
  async request(method: string, parameters: Record<string, unknown>, timeoutMillis: number): Promise<unknown> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw connectionLost(`${method}: the connection is closed`);
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      const message = `${method}: OpenClaw gave no answer within ${timeoutMillis} ms`;
      reject(new OpenCraneError('deadline_exceeded', 'gateway_slow', message));
    }, timeoutMillis);
    this.#unanswered.set(id, { method, resolve, reject });
    try {
      this.#socket.send(JSON.stringify({ type: 'req', id, method, params: parameters }));
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#unanswered.delete(id);
    }
  }

  /** Hangs up at once: a peer that is frozen would not answer the goodbye. */
  close(why = 'we hung up'): void {
    this.#gone(why);
    this.#socket.close();
  }

  #answer({ id, ok, payload, error }: Extract<z.infer<typeof frameSchema>, { type: 'res' }>): void {
    const request = this.#unanswered.get(id);
    if (request === undefined) return; // it came too late
    if (ok) request.resolve(payload);
    else
      request.reject(toGatewayRefusal(request.method, error ?? { code: 'INTERNAL', message: 'it does not say why' }));
  }
}

function parseFrame(data: unknown): z.infer<typeof frameSchema> | undefined {
  try {
    return frameSchema.parse(JSON.parse(String(data)));
  } catch {
    return undefined;
  }
}

function connectionLost(message: string): OpenCraneError {
  return new OpenCraneError('unavailable', 'gateway_disconnected', message);
}
