/**
 * HTTP/1.1 and unencrypted HTTP/2 on one port. Node has a server for each and none for both, so the first bytes of a
 * connection are looked at and the connection is handed to the right one.
 */
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  constants,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { defaultPatience, mayStay, type Patience } from './patience.ts';

/** A request of either version. */
export type AnyRequest = IncomingMessage | Http2ServerRequest;

/** A response of either version. */
export type AnyResponse = ServerResponse | Http2ServerResponse;

/** Where and how to listen. */
export type OnePortOptions = {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly patience?: Patience;
  readonly handle: (request: AnyRequest, response: AnyResponse) => void;
};

/** What every HTTP/2 connection begins with, and no HTTP/1.1 request. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** How long a connection may take to say which version it speaks. */
const PREFACE_TIMEOUT_MILLIS = 10_000;

/** Most concurrent requests of one HTTP/2 connection. */
const MAX_STREAMS = 1_000;

/** Connections at one time; more are refused. One of the CLI each, or of a watching console. */
const MOST_CONNECTIONS = 1_000;

/** Time between two looks at all connections. */
const SWEEP_MILLIS = 1_000;

/** A request, and what it is answered with. */
type Exchange = { readonly request: AnyRequest; readonly response: AnyResponse };

type Connection = {
  readonly open: Set<Exchange>;
  mayRest: boolean;
  turnSince: number;
  bytesHeard: number;
  heardAt: number;
};

/** A server for both versions. */
export class OnePort {
  readonly #options: OnePortOptions;
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #http1 = createHttp1((request, response) => this.#handle1(request, response));
  readonly #http2 = createHttp2({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  readonly #sockets = new Map<Socket, Connection>();
  readonly #ofSession = new WeakMap<Http2Session, Connection>();
  readonly #stopping = new AbortController();
  readonly #sessions = new Set<Http2Session>();
  /** Responses that are under way on each HTTP/1.1 connection. */
  readonly #busy = new Map<Socket, number>();
  #closing: Promise<void> | undefined;

  constructor(options: OnePortOptions) {
    this.#options = options;
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#http2.on('request', (request, response) => this.#handle2(request, response));
    this.#http2.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      if (this.#closing !== undefined) session.close();
    });
    this.#http2.on('sessionError', (err) => options.log.debug({ err }, 'an HTTP/2 connection failed'));
  }

  /** Starts to listen. Throws `unavailable` when the port is taken. */
  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const taken = systemCode(cause) === 'EADDRINUSE';
        reject(
          new OpenCraneError('unavailable', 'port_unavailable', `listening on ${host}:${port}: ${cause.message}`, {
            cause,
            mend: taken ? 'stop the program that listens there, or choose another port' : 'choose another address',
          }),
        );
      });
      this.#server.listen({ host, port }, () => {
        void this.#sweepUntil(this.#stopping.signal);
        resolve();
      });
    });
  }

  /** Where it listens. */
  address(): AddressInfo {
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') return address;
    throw new OpenCraneError('internal', 'not_listening', 'asking for the address of a server that does not listen');
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Takes no new connection or request and resolves when those under way have ended and every connection is closed. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => {
        this.#stopping.abort('the port is closed');
        resolve();
      });
      for (const session of this.#sessions) session.close();
      for (const [socket, responses] of this.#busy) if (responses === 0) socket.end();
    });
    return this.#closing;
  }

  /** Cuts every connection that is left. */
  destroy(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #accept(socket: Socket): void {
    const now = this.#options.clock.monotonic();
    const connection: Connection = { open: new Set(), mayRest: false, turnSince: now, bytesHeard: 0, heardAt: now };
    this.#sockets.set(socket, connection);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', (err) => this.#options.log.debug({ err }, 'a connection failed'));
    const timer = setTimeout(() => socket.destroy(), PREFACE_TIMEOUT_MILLIS);
    socket.once('close', () => clearTimeout(timer));
    let seen = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const version = versionOf(seen);
      if (version === undefined) return;
      clearTimeout(timer);
      socket.off('data', onData);
      socket.pause();
      socket.unshift(seen);
      if (version === 1) this.#hand1(socket);
      else this.#hand2(socket, connection);
    };
    socket.on('data', onData);
  }

  #hand2(socket: Socket, connection: Connection): void {
    // The session is made at once, and does not give away its socket.
    this.#http2.once('session', (session) => this.#ofSession.set(session, connection));
    this.#http2.emit('connection', socket);
  }

  #handle2(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const { stream } = request;
    const connection = stream.session && this.#ofSession.get(stream.session);
    if (connection !== undefined) this.#track(connection, { request, response });
    const { stallMillis } = this.#options.patience ?? defaultPatience;
    // Another stream of the connection may be busy; this one has to come on all the same.
    stream.setTimeout(stallMillis, () => {
      if (!isOurs({ request, response })) stream.close(constants.NGHTTP2_CANCEL);
    });
    this.#options.handle(request, response);
  }

  #track(connection: Connection, exchange: Exchange): void {
    connection.open.add(exchange);
    exchange.response.once('close', () => {
      connection.open.delete(exchange);
      connection.mayRest = exchange.request.httpVersionMajor === 2;
      connection.turnSince = this.#options.clock.monotonic();
    });
  }

  async #sweepUntil(signal: AbortSignal): Promise<void> {
    const { clock, patience = defaultPatience } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(Math.min(SWEEP_MILLIS, patience.stallMillis), signal).catch(() => {});
      const now = clock.monotonic();
      for (const [socket, connection] of this.#sockets) this.#look(socket, connection, now, patience);
    }
  }

  #look(socket: Socket, connection: Connection, now: number, patience: Patience): void {
    const { open, mayRest } = connection;
    if (socket.bytesRead !== connection.bytesHeard) connection.heardAt = now;
    connection.bytesHeard = socket.bytesRead;
    const isOurTurn = [...open].some(isOurs);
    if (isOurTurn) connection.turnSince = now;
    const [turnMillis, silentMillis] = [now - connection.turnSince, now - connection.heardAt];
    const seen = { isOurTurn, halfSent: open.size, mayRest, turnMillis, silentMillis };
    if (!mayStay(seen, patience)) socket.destroy();
  }

  #hand1(socket: Socket): void {
    this.#busy.set(socket, 0);
    socket.once('close', () => this.#busy.delete(socket));
    this.#http1.emit('connection', socket);
    socket.resume();
  }

  #handle1(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#sockets.get(socket);
    if (connection !== undefined) this.#track(connection, { request, response });
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (this.#busy.get(socket) ?? 1) - 1;
      if (this.#busy.has(socket)) this.#busy.set(socket, left);
      if (this.#closing !== undefined && left === 0) socket.end();
    });
    this.#options.handle(request, response);
  }
}

/** Whether it is for the server to go on: everything was sent, or the answer has begun. */
function isOurs({ request, response }: Exchange): boolean {
  return request.complete || response.headersSent;
}

/** The version that the first bytes tell, or undefined while they could be either. */
function versionOf(seen: Buffer): 1 | 2 | undefined {
  const length = Math.min(seen.length, PREFACE.length);
  if (!seen.subarray(0, length).equals(PREFACE.subarray(0, length))) return 1;
  return length === PREFACE.length ? 2 : undefined;
}
