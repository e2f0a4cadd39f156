/**
 * The agent port. grpc-js gets its connections from here (its connection injector) instead of listening itself, so that
 * the socket under a stream can be cut when its reader is stuck; grpc-js has no call for that.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** A connection, and how much was heard of it when somebody looked last. */
type Connection = {
  readonly socket: Socket;
  bytesHeard: number;
  silentSweeps: number;
  /** Sweeps in which no request had come as far as its handler; undefined since one has. */
  unaskedSweeps: number | undefined;
};

/** The listening socket and the connections it has accepted. */
export class Listener {
  readonly #server: Server;
  readonly #connections = new Map<string, Connection>();
  /** Where all connections arrive, as Node remembers it of a socket that was asked (`_sockname` in lib/net.js). */
  #local = {};

  /** `inject` is given every connection. */
  constructor(inject: (socket: Socket) => void) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      // grpc-js asks every connection where it arrived: a system call each, a twentieth of what a storm costs.
      Object.assign(socket, { _sockname: this.#local });
      this.#connections.set(peer, { socket, bytesHeard: 0, silentSweeps: 0, unaskedSweeps: 0 });
      socket.once('close', () => this.#connections.delete(peer));
      socket.on('error', ignore);
      inject(socket);
    });
  }

  /** Listens; resolves with `host:port`. */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const mend = 'choose another port, or stop who uses it';
        reject(new OpenCraneError('unavailable', 'port_taken', `listening on ${host}:${port}`, { cause, mend }));
      });
      this.#server.listen(port, host, 4096, resolve); // the backlog holds a storm of reconnects
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
    this.#local = address;
    return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
  }

  /** The connection of a call, by what its `getPeer` says. */
  socketOf(peer: string): Socket | undefined {
    return this.#connections.get(peer)?.socket;
  }

  /** A request of this peer has come as far as its handler. */
  asked(peer: string): void {
    const connection = this.#connections.get(peer);
    if (connection !== undefined) connection.unaskedSweeps = undefined;
  }

  /**
   * Cuts connections that were silent for more than this many sweeps: their peer is gone, or holds them without a use.
   * Those that have not come as far as a request after `firstRequest` sweeps go, too, however much was half sent on them.
   * One look at all of them in place of grpc-js's keepalive and idle timers, of which each connection would have two.
   */
  sweep(patience: number, firstRequest: number): void {
    for (const connection of this.#connections.values()) {
      if (connection.unaskedSweeps !== undefined && ++connection.unaskedSweeps > firstRequest) {
        connection.socket.destroy();
        continue;
      }
      const { bytesRead } = connection.socket;
      if (bytesRead !== connection.bytesHeard) {
        connection.bytesHeard = bytesRead;
        connection.silentSweeps = 0;
      } else if (++connection.silentSweeps > patience) connection.socket.destroy();
    }
  }

  /** Accepts no further connection. */
  close(): void {
    this.#server.close();
  }

  /** Cuts every connection and resolves when none is left. */
  async cutAll(): Promise<void> {
    const closed = [...this.#connections.values()].map(
      ({ socket }) => new Promise<void>((resolve) => void socket.once('close', () => resolve()).destroy()),
    );
    await Promise.all(closed);
  }
}

function ignore(): void {
  // A connection that fails is closed, and that is what is looked at.
}
