/** Writes receipts: what became of an offer, and what serves after it. */
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, type Receipt, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Outcome } from '../appliers/applier.ts';
import type { ServingRecordFile } from './serving-record.ts';

/** Where receipts go, and what they need to know. */
export type ReceiptPorts = {
  readonly record: ServingRecordFile;
  readonly send: (receipt: Receipt) => void;
  readonly clock: Clock;
  readonly newId: () => string;
};

/** Which offer a receipt answers. */
export type Answered = Pick<Offer, 'kind' | 'revision' | 'digest' | 'nonce'>;

/** Makes and sends receipts. */
export class ReceiptWriter {
  readonly #ports: ReceiptPorts;

  constructor(ports: ReceiptPorts) {
    this.#ports = ports;
  }

  applying(offer: Offer): void {
    this.#send(offer, { state: ReceiptState.APPLYING });
  }

  done(offer: Answered, outcome: Outcome): void {
    if (outcome.state === 'applied') {
      const { effect, downtimeMillis } = outcome;
      this.#send(offer, { state: ReceiptState.APPLIED, effect, downtimeMillis: BigInt(Math.round(downtimeMillis)) });
      return;
    }
    const { reason, message, path } = outcome;
    this.#send(offer, { state: ReceiptState.FAILED, reason, message, path });
  }

  /** Answers an offer of a kind that is not in this agent's hello. */
  unimplemented(offer: Offer): void {
    const message = `this agent cannot apply offers of kind ${offer.kind}`;
    this.#send(offer, { state: ReceiptState.FAILED, reason: 'unimplemented', message });
  }

  #send(offer: Answered, result: Partial<Omit<Receipt, '$typeName' | '$unknown'>>): void {
    const { record, send, clock, newId } = this.#ports;
    const { kind, revision, digest, nonce } = offer;
    const serving =
      kind === Kind.RUNTIME ? record.current.runtime : kind === Kind.CONFIG ? record.current.config : undefined;
    send(
      create(ReceiptSchema, {
        receiptId: newId(),
        kind,
        revision,
        digest,
        nonce,
        servingRevision: serving?.revision ?? 0n,
        servingDigest: serving?.digest ?? '',
        atMillis: BigInt(clock.now()),
        ...result,
      }),
    );
  }
}
