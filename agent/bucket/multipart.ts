/** One request that carries what an object is and what is in it (multipart/related, RFC 2387). */
import { createHash, randomUUID } from 'node:crypto';
import { piecesOf } from './body.ts';
import type { Body } from './bucket.ts';

/** Pieces of a body in memory, so that a connection that stands still is noticed within one. */
const PIECE_BYTES = 1 << 20;

/** A body in its frame. A request without a length is sent in chunks, and is none when it is cut short. */
export class Multipart {
  readonly headers: Readonly<Record<string, string>>;
  readonly #body: Body;
  readonly #head: Buffer;
  readonly #tail: Buffer;
  #md5: string | undefined;

  /** What is known of the content ahead goes with the description, for the server to check: its MD5, as GCS has it. */
  constructor(description: object, body: Body) {
    const boundary = randomUUID();
    const known = body instanceof Uint8Array ? body : undefined;
    this.#body = body;
    this.#md5 = known && createHash('md5').update(known).digest('base64');
    const json = JSON.stringify({ ...description, md5Hash: this.#md5 });
    this.#head = Buffer.from(
      `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${json}\r\n` +
        `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    this.#tail = Buffer.from(`\r\n--${boundary}--\r\n`);
    this.headers = {
      'content-type': `multipart/related; boundary=${boundary}`,
      ...(known && { 'content-length': String(this.#head.length + known.length + this.#tail.length) }),
    };
  }

  /** What is sent; to be read once. */
  async *pieces(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const hash = this.#md5 === undefined ? createHash('md5') : undefined;
    yield this.#head;
    for await (const piece of piecesOf(this.#body, signal)) {
      hash?.update(piece);
      for (let at = 0; at < piece.length; at += PIECE_BYTES) yield piece.subarray(at, at + PIECE_BYTES);
    }
    this.#md5 ??= hash?.digest('base64');
    yield this.#tail;
  }

  /** Whether this is the MD5, in base64, of the content that was sent. */
  isDigest(md5: string | undefined): boolean {
    return this.#md5 !== undefined && this.#md5 === md5;
  }
}
