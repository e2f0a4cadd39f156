/**
 * HTTP as the GCS API needs it: bodies of unknown length, cut when nothing moves, cancelled by a signal.
 *
 * `@google-cloud/storage` 8.4.0 can do neither of the last two: it ignores its timeout and takes no signal
 * (https://github.com/googleapis/google-cloud-node/issues/7998).
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { proxiesOf } from '@opencrane/kit/proxy.ts';

/** What is sent. */
export type HttpCall = {
  /** For errors: `reading vault/head in gs://acme-jente`. */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array>;
};

/** What comes back. The body is to be read, or discarded. */
export type HttpReply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Throws as the call does. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
};

/** Keeps connections open between calls: a new one costs a TLS handshake. */
export class HttpClient {
  readonly #stallMillis: number;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /**
   * A call is cut when for `stallMillis` nothing moved although it was the other side's turn. Calls to other machines go through
   * the proxies that the environment names.
   */
  constructor(stallMillis: number, environment: NodeJS.ProcessEnv = process.env) {
    this.#stallMillis = stallMillis;
    const options = { keepAlive: true, proxyEnv: proxiesOf(environment) };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * Sends a call, and resolves when the head of its reply is there. Throws `unavailable` when the connection fails or stalls,
   * the signal's reason when it fires, and what the body throws.
   */
  async send(call: HttpCall, signal?: AbortSignal): Promise<HttpReply> {
    signal?.throwIfAborted();
    const request = this.#open(call, signal);
    const outgoing = new Outgoing(call.body);
    let response: IncomingMessage | undefined;
    request.on('timeout', () => {
      // Who makes the body may be slow, and so may be who reads the reply: what has come and is not taken tells.
      const ours = response === undefined ? outgoing.waiting : response.readableLength > 0;
      if (ours) request.setTimeout(this.#stallMillis);
      else (response ?? request).destroy(stalled(this.#stallMillis));
    });
    const replied = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).on('error', reject);
    });
    // When sending fails the request does too, with the same error.
    pipeline(Readable.from(outgoing.pieces()), request).catch(() => undefined);
    try {
      response = await replied;
    } catch (cause) {
      request.destroy();
      throw outgoing.failure === undefined ? failure(call, cause, signal) : outgoing.failure.cause;
    }
    return replyOf(call, request, response, signal);
  }

  #open({ method, url, headers }: HttpCall, signal: AbortSignal | undefined): ClientRequest {
    const options = { method, headers: { ...headers }, timeout: this.#stallMillis, ...(signal && { signal }) };
    return url.protocol === 'https:'
      ? httpsRequest(url, { ...options, agent: this.#https })
      : httpRequest(url, { ...options, agent: this.#http });
  }
}

function replyOf(
  call: HttpCall,
  request: ClientRequest,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): HttpReply {
  // A reply that comes before all was sent is the answer; the rest is not wanted.
  response.once('close', () => request.destroy());
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: incoming(call, response, signal),
    discard: () => response.destroy(),
  };
}

/** A body on its way out: whether the one who makes it is whom we wait for, and how it failed. */
class Outgoing {
  readonly #body: AsyncIterable<Uint8Array> | undefined;
  waiting = false;
  failure: { readonly cause: unknown } | undefined;

  constructor(body: AsyncIterable<Uint8Array> | undefined) {
    this.#body = body;
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    try {
      this.waiting = true;
      for await (const piece of this.#body ?? []) {
        this.waiting = false;
        yield piece;
        this.waiting = true;
      }
    } catch (cause) {
      this.failure = { cause };
      throw cause;
    } finally {
      this.waiting = false;
    }
  }
}

async function* incoming(
  call: HttpCall,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (cause) {
    throw failure(call, cause, signal);
  }
}

function failure({ doing, url }: HttpCall, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return new OpenCraneError('unavailable', 'bucket_unreachable', `${doing}: ${messageOf(cause)}`, {
    mend: `check that ${url.host} can be reached; it is tried again`,
    cause,
  });
}

function stalled(millis: number): Error {
  return new Error(`nothing came for ${millis / 1000} s`);
}
