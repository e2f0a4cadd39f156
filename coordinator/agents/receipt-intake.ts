/**
 * The receipts of one session on their way into the database. An agent sends each until it is told that it is stored. One for
 * which the database has no room waits here and is tried again with the next one and with heartbeats: a full disk costs no stream.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import type { Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { AgentMetrics } from './metrics.ts';
import type { AgentObserver } from './ports.ts';

/** Who takes receipts in. */
type Takers = {
  readonly observer: Pick<AgentObserver, 'receipt'>;
  readonly metrics: Pick<AgentMetrics, 'receiptStored'>;
  readonly log: Logger;
};

/** As many as an agent keeps; those beyond come again on its next stream. */
const MOST_WAITING = 200;

/** One piece of its work is done at a time: whoever calls awaits the call before. */
export class ReceiptIntake {
  readonly #takers: Takers;
  readonly #tenant: () => string;
  readonly #letGo: (receiptId: string) => void;
  readonly #waiting: Receipt[] = [];

  /** `letGo` tells the agent that it need not send one again. */
  constructor(takers: Takers, tenant: () => string, letGo: (receiptId: string) => void) {
    this.#takers = takers;
    this.#tenant = tenant;
    this.#letGo = letGo;
  }

  /** Whether `again` has anything to do. */
  get isHeldUp(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes one in, after those that wait. Throws what keeps it from being stored, unless that is want of room. */
  async take(receipt: Receipt): Promise<void> {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(receipt);
    await this.again();
  }

  /** Tries those that wait, in their order. */
  async again(): Promise<void> {
    for (let [receipt] = this.#waiting; receipt !== undefined; [receipt] = this.#waiting) {
      if (!(await this.#isSettled(receipt))) return;
      this.#waiting.shift();
      this.#letGo(receipt.receiptId);
    }
  }

  /** Whether nothing is left to be done with it; one that is invalid is taken off the agent's hands. */
  async #isSettled(receipt: Receipt): Promise<boolean> {
    const { observer, metrics, log } = this.#takers;
    const tenant = this.#tenant();
    const { receiptId } = receipt;
    try {
      await observer.receipt(tenant, receipt);
      metrics.receiptStored(receipt);
    } catch (err) {
      if (isLackOfTheMachine(err)) {
        log.warn({ err, tenant, receiptId }, 'a receipt waits until there is room for it');
        return false;
      }
      if (!(err instanceof OpenCraneError) || err.code !== 'invalid_argument') throw err;
      log.error({ err, tenant, receiptId }, 'a receipt was refused');
    }
    return true;
  }
}
