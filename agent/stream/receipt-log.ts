/** placeholder until the log itself stands */
import type { Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** Receipts that the coordinator has not stored yet, on disk. */
export class ReceiptLog {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Opens the log, or begins an empty one. */
  static open(path: string): ReceiptLog {
    return new ReceiptLog(path);
  }

  /** Keeps a receipt; it is on disk when this returns. */
  keep(_receipt: Receipt): void {
    throw new Error(this.#path);
  }
}
