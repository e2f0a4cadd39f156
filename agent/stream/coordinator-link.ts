/** The agent's one long-lived stream to the coordinator. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Digest } from '@opencrane/kit/digest.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Command, Health, HelloSchema, Offer, RuntimeAnswer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Progress, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ReceiptLog } from './receipt-log.ts';

/** What the link needs from the rest of the agent. */
export type CoordinatorLinkOptions = {
  /** `host:port` of the coordinator's agent port. */
  readonly address: string;
  /** Holds the bearer token; read at every connect, because tokens are short-lived. */
  readonly tokenFile: string;
  /** Who the agent is and what it serves now; asked at every connect and when the coordinator wants the full state. */
  readonly hello: () => MessageInitShape<typeof HelloSchema>;
  /** Receipts wait here until the coordinator has stored them. */
  readonly receiptLog: ReceiptLog;
  readonly onOffer: (offer: Offer) => void;
  /** Does what the coordinator orders; what it throws is reported as the command's error. */
  readonly onCommand: (command: Command) => Promise<void>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Random ids of at least 8 characters. */
  readonly newId: () => string;
  readonly log: Logger;
};

/** A piece of a blob, in order from the offset that was asked for. */
export type BlobPiece = { readonly data: Uint8Array; readonly totalBytes: number };

/** The agent's stream. Runs from `start` to `stop`, reconnecting by itself; everything else only leaves word. */
export class CoordinatorLink implements Part {
  readonly name = 'coordinator-link';
  readonly #options: CoordinatorLinkOptions;

  constructor(options: CoordinatorLinkOptions) {
    this.#options = options;
  }

  start(): void {
    throw new Error(`not yet: ${this.#options.address}`);
  }

  async stop(): Promise<void> {}

  /** Whether the coordinator has accepted the current stream. */
  get connected(): boolean {
    return false;
  }

  /** Tells the newest health; an older one that has not gone out yet is dropped. */
  reportHealth(_health: Health): void {}

  /** Tells the newest progress; an older one that has not gone out yet is dropped. */
  reportProgress(_progress: Progress): void {}

  /** Sends a receipt; it is on disk when this returns and is sent until the coordinator has stored it. */
  sendReceipt(_receipt: Receipt): void {}

  /** Asks for another OpenClaw version. Survives reconnects; throws `unavailable` when there is no coordinator for long. */
  requestRuntime(_version: string, _signal: AbortSignal): Promise<RuntimeAnswer> {
    throw new Error('not yet');
  }

  /** Reads a blob from an offset on. Throws `unavailable` when the connection is cut, `not_found` when there is none. */
  readBlob(_digest: Digest, _offset: number, _signal: AbortSignal): AsyncIterable<BlobPiece> {
    throw new Error('not yet');
  }
}
