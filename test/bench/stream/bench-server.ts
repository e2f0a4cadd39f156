/** What the bench's servers have in common. */
import { ID_BYTES, plainResponses } from './wire.ts';

/** A server that agents are connected to. */
export interface BenchServer {
  readonly port: number;
  /** Sends the `push`th push to every agent. */
  push(push: number): void;
  /** Receipts that came so far. */
  receipts(): number;
}

/** The ReceiptStored for a receipt, written into a copy of the one there is. */
export function plainReceiptStored(receipt: Buffer): Buffer {
  const answer = Buffer.from(plainResponses.receiptStored);
  receipt.copy(answer, answer.length - ID_BYTES, receipt.length - ID_BYTES);
  return answer;
}
