/**
 * Receipts that the coordinator has not stored yet, on disk.
 *
 * An append-only file of lines: `+ ID RECEIPT` keeps a receipt, `- ID` lets it go. A line that a crash cut short is
 * skipped. The file is written anew when it is opened and when it has grown past its bound, so it stays small.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Receipt, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** Receipts kept at most. An agent out of reach gets no offers, so they hardly pile up; a bound is a bound. */
const MOST_KEPT = 200;

/** Lines after which the file is written anew, above twice what is kept. */
const SPARE_LINES = 100;

/** The log; one writer. Writes are synchronous: receipts are rare, and what was said to be kept is on disk. */
export class ReceiptLog {
  readonly #path: string;
  #kept: Map<string, Receipt>;
  #file: number;
  #lines: number;

  private constructor(path: string, kept: Map<string, Receipt>) {
    this.#path = path;
    this.#kept = kept;
    this.#file = this.#openTidy();
    this.#lines = kept.size;
  }

  /** Opens the log, or begins an empty one. */
  static open(path: string): ReceiptLog {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return new ReceiptLog(path, existsSync(path) ? parseLog(readFileSync(path, 'utf8')) : new Map());
  }

  /** The receipts that are not stored yet, oldest first. */
  pending(): Receipt[] {
    return [...this.#kept.values()];
  }

  /** Keeps a receipt; it is on disk when this returns. When the disk refuses it is kept in memory, and this throws. */
  keep(receipt: Receipt): void {
    this.#kept.set(receipt.receiptId, receipt);
    this.#makeRoom();
    this.#append(keepLine(receipt));
  }

  /** The coordinator has it. */
  stored(receiptId: string): void {
    if (this.#kept.delete(receiptId)) this.#append(`- ${encodeId(receiptId)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Beyond the bound, announcements go first: what became of an offer matters more than that it was begun. */
  #makeRoom(): void {
    if (this.#kept.size <= MOST_KEPT) return;
    const applying = [...this.#kept.values()].find(({ state }) => state === ReceiptState.APPLYING);
    const [oldest] = this.#kept.keys();
    const victim = applying?.receiptId ?? oldest;
    if (victim !== undefined) this.stored(victim);
  }

  #append(line: string): void {
    if (this.#lines >= 2 * this.#kept.size + SPARE_LINES) {
      const anew = this.#writeAnew(); // throws before the old file is given up
      closeSync(this.#file);
      this.#file = anew;
      this.#lines = this.#kept.size;
      return;
    }
    // A line begins with a line end too: should the one before have been cut short, only that one is lost.
    writeFileSync(this.#file, `\n${line}`);
    fsyncSync(this.#file);
    this.#lines += 1;
  }

  /** Opens it, written anew unless the disk has no room for that: then the old lines stay in front of what is added. */
  #openTidy(): number {
    try {
      return this.#writeAnew();
    } catch {
      return openSync(this.#path, 'a', 0o600);
    }
  }

  /** Replaces the file by what is kept, and leaves it open for appending. A crash leaves the old or the new one. */
  #writeAnew(): number {
    const draft = `${this.#path}.draft`;
    const file = openSync(draft, 'w', 0o600);
    try {
      writeFileSync(file, [...this.#kept.values()].map(keepLine).join('')); // writeSync may write less than it is given
      fsyncSync(file);
      renameSync(draft, this.#path);
    } catch (cause) {
      closeSync(file);
      rmSync(draft, { force: true });
      throw cause;
    }
    const folder = openSync(dirname(this.#path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return file;
  }
}

/** Reads a log, whatever its end looks like. */
export function parseLog(text: string): Map<string, Receipt> {
  const kept = new Map<string, Receipt>();
  // What stands behind the last line end was not written to its end.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [sign, id = '', packed = ''] = line.split(' ');
    const receiptId = decodeId(id);
    if (sign === '-') kept.delete(receiptId);
    if (sign !== '+') continue;
    const receipt = unpack(packed);
    if (receipt?.receiptId === receiptId) kept.set(receiptId, receipt);
  }
  return kept;
}

function keepLine(receipt: Receipt): string {
  return `+ ${encodeId(receipt.receiptId)} ${Buffer.from(toBinary(ReceiptSchema, receipt)).toString('base64url')}\n`;
}

function unpack(packed: string): Receipt | undefined {
  try {
    return fromBinary(ReceiptSchema, Buffer.from(packed, 'base64url'));
  } catch {
    return undefined; // a line that a full disk cut short and that another one follows
  }
}

function encodeId(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decodeId(id: string): string {
  return Buffer.from(id, 'base64url').toString();
}
