/**
 * An agent that costs as little as an agent can: HTTP/2 frames by hand on a bare socket. It says what a real one says
 * and checks what it is told byte by byte, so that what is measured is the server.
 */
import { connect, type Socket } from 'node:net';
import { ID_BYTES, SEQUENCE_AT, tags, tenantOf } from './wire.ts';

/** What the agents of one process share. */
export type Shared = {
  readonly port: number;
  /** Somebody's hello; each agent writes its own name into a copy. */
  hello: Buffer;
  /** The offer that is expected, and the two receipts that answer it. */
  expected: { readonly offer: Buffer; readonly receipts: readonly [Buffer, Buffer] } | undefined;
  readonly onWelcome: () => void;
  /** Both receipts were acknowledged. */
  readonly onStored: () => void;
  readonly onFault: (what: string) => void;
};

const frames = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7 } as const;
const ACK = 1;

const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frames.settings, 0, 0, Buffer.from([0, 4, 0x3f, 0xff, 0xff, 0xff])), // a window as large as it gets
  frame(8, 0, 0, Buffer.from([0x3f, 0xff, 0, 0])),
]);

/** The agent. */
export class LeanAgent {
  readonly #tenant: string;
  readonly #id: string;
  readonly #shared: Shared;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #message: Buffer = Buffer.alloc(0);
  #sequence = 0;
  #receipts = 0;
  #stored = 0;

  constructor(index: number, shared: Shared) {
    this.#tenant = tenantOf(index);
    this.#id = String(index).padStart(8, '0');
    this.#shared = shared;
  }

  connect(): void {
    this.#rest = this.#message = Buffer.alloc(0);
    this.#sequence = 1;
    const socket = connect({ port: this.#shared.port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('error', (cause) => this.#shared.onFault(cause.message));
    socket.on('data', (bytes) => this.#onBytes(bytes));
    const open = frame(frames.headers, 4, 1, requestHeaders(`token-of-${this.#tenant}`));
    const hello = frame(frames.data, 0, 1, this.#shared.hello);
    hello.write(this.#tenant, hello.indexOf('tenant-'), 'latin1');
    socket.write(Buffer.concat([preface, open, hello]));
  }

  /** Cuts the connection, as the death of a coordinator does. */
  cut(): void {
    this.#socket?.removeAllListeners('data').destroy();
  }

  #onBytes(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#onFrame(rest.readUInt8(3), rest.readUInt8(4), rest.subarray(9, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }

  #onFrame(type: number, flags: number, payload: Buffer): void {
    if (type === frames.data) this.#onData(payload);
    else if (type === frames.settings && flags !== ACK) this.#socket?.write(frame(frames.settings, ACK, 0));
    else if (type === frames.ping && flags !== ACK) this.#socket?.write(frame(frames.ping, ACK, 0, payload));
    else if (type === frames.reset || type === frames.goaway) this.#shared.onFault(`frame ${type}`);
  }

  #onData(payload: Buffer): void {
    let rest = this.#message.length === 0 ? payload : Buffer.concat([this.#message, payload]);
    while (rest.length >= 5) {
      const end = 5 + rest.readUInt32BE(1);
      if (rest.length < end) break;
      this.#onMessage(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
    this.#message = rest;
  }

  #onMessage(message: Buffer): void {
    const tag = message[0];
    if (tag === tags.welcome) this.#shared.onWelcome();
    else if (tag === tags.offer) this.#onOffer(message);
    else if (tag === tags.receiptStored) this.#onReceiptStored(message);
    else this.#shared.onFault(`message ${tag}`);
  }

  #onOffer(message: Buffer): void {
    const { expected } = this.#shared;
    if (expected === undefined || !message.equals(expected.offer)) {
      this.#shared.onFault('an offer out of turn');
      return;
    }
    const answers = expected.receipts.map((template) => {
      const receipt = frame(frames.data, 0, 1, template);
      this.#sequence += 1;
      this.#receipts += 1;
      receipt[9 + SEQUENCE_AT] = this.#sequence;
      receipt.write(this.#receiptId(this.#receipts), receipt.length - ID_BYTES, 'latin1');
      return receipt;
    });
    this.#socket?.write(Buffer.concat(answers));
  }

  #onReceiptStored(message: Buffer): void {
    this.#stored += 1;
    const id = message.toString('latin1', message.length - ID_BYTES);
    if (id !== this.#receiptId(this.#stored)) this.#shared.onFault(`receipt ${id} out of turn`);
    if (this.#stored % 2 === 0) this.#shared.onStored();
  }

  #receiptId(count: number): string {
    return this.#id + String(count).padStart(8, '0');
  }
}

/** An HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, 9);
  return bytes;
}

/** The headers of the call, each spelt out (RFC 7541, 6.2.2): no table is needed for that. */
function requestHeaders(token: string): Buffer {
  const headers = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/opencrane.v1.AgentService/Connect',
    ':authority': '127.0.0.1',
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'opencrane-bench',
    authorization: `Bearer ${token}`,
  };
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
}
