/** The server's side of WebSockets (RFC 6455), as far as a client of the gateway needs it: text, pings and the goodbye. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
/** RFC 6455, section 1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A connection. */
export class WebSocketConnection {
  readonly #socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #message = '';
  #isClosing = false;
  onMessage: (text: string) => void = () => {};
  onClosed: () => void = () => {};

  /** Answers the upgrade. */
  constructor(request: IncomingMessage, socket: Socket) {
    this.#socket = socket;
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1')
      .update(key + KEY_SUFFIX)
      .digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...lines, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.setNoDelay();
    socket.on('data', (data) => this.#read(data));
    socket.on('error', () => {}); // the close that follows says the same
    socket.on('close', () => this.onClosed());
  }

  send(text: string): void {
    if (!this.#isClosing) this.#write(OPCODE.text, Buffer.from(text));
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.#write(OPCODE.close, payload);
    this.#isClosing = true;
    this.#socket.end();
  }

  #write(opcode: number, payload: Buffer): void {
    this.#socket.write(Buffer.concat([frameHead(opcode, payload.length), payload]));
  }

  #read(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    for (let frame = readFrame(this.#unread); frame !== undefined; frame = readFrame(this.#unread)) {
      this.#unread = this.#unread.subarray(frame.length);
      this.#on(frame);
    }
  }

  #on({ opcode, payload, isLast }: Frame): void {
    if (opcode === OPCODE.ping) this.#write(OPCODE.pong, payload);
    if (opcode === OPCODE.close) this.close(payload.length >= 2 ? payload.readUInt16BE() : 1000, '');
    if (opcode !== OPCODE.text && opcode !== OPCODE.continuation) return;
    this.#message += payload.toString('utf8'); // a client that cuts between the bytes of a letter is not met here
    if (!isLast) return;
    const message = this.#message;
    this.#message = '';
    this.onMessage(message);
  }
}

type Frame = {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly payload: Buffer;
  /** Bytes of it, head included. */
  readonly length: number;
};

function frameHead(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** The first frame, unmasked; undefined while it is not whole. */
function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const isMasked = (second & 0x80) !== 0;
  const head = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < head) return undefined;
  const long = lengthBytes === 2 ? bytes.readUInt16BE(2) : lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < head + long) return undefined;
  const payload = Buffer.from(bytes.subarray(head, head + long));
  if (isMasked) {
    const mask = bytes.subarray(head - 4, head);
    for (let index = 0; index < payload.length; index += 1)
      payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, payload, length: head + long };
}
