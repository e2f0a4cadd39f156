/** Hands a receipt to the observer. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { AgentMetrics } from './metrics.ts';
import type { AgentObserver } from './ports.ts';

/** What storing needs. */
export type ReceiptPorts = { readonly observer: AgentObserver; readonly metrics: AgentMetrics; readonly log: Logger };

/**
 * Resolves when the receipt is stored, or can never be: the agent sends a receipt until it is told that it is stored,
 * so one that the observer finds invalid is logged and taken off its hands.
 */
export async function storeReceipt({ observer, metrics, log }: ReceiptPorts, tenant: string, receipt: Receipt) {
  try {
    await observer.receipt(tenant, receipt);
    metrics.receiptStored(receipt);
  } catch (cause) {
    if (!(cause instanceof OpenCraneError) || cause.code !== 'invalid_argument') throw cause;
    const { receiptId, kind, revision } = receipt;
    log.error({ err: cause, tenant, receiptId, kind, revision: revision.toString() }, 'a receipt was refused for good');
  }
}
