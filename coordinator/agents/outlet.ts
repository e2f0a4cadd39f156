/**
 * Sends what waits in a session's mailbox. Few messages are under way to the network at one time, and of them at most
 * one offer. What a slow reader makes wait therefore waits in the mailbox, where newer replaces older.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import { toGrpcStatus } from '@opencrane/kit/grpc/status.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import { Mailbox, type Outgoing } from './mailbox.ts';

/** A stream of an agent. Requests are bytes: see kit/grpc/decode-request.ts. */
export type AgentCall = ServerDuplexStream<Buffer, Outgoing>;

/** Messages under way at most: enough for those of one turn of the loop to leave in one packet. */
const MOST_UNDER_WAY = 4;

/** The sending side of one stream. */
export class Outlet {
  readonly #call: AgentCall;
  readonly #onSent: (offer: PreparedOffer | undefined) => void;
  readonly #onWritten: () => void;
  readonly #onOfferWritten: () => void;
  readonly #mailbox = new Mailbox();
  #underWay = 0;
  #offerUnderWay = false;
  #ending: { readonly error: OpenCraneError | undefined } | undefined;

  /** `onSent` is told each time a message has left; with the offer, if it was one. */
  constructor(call: AgentCall, onSent: (offer: PreparedOffer | undefined) => void) {
    this.#call = call;
    this.#onSent = onSent;
    this.#onWritten = () => {
      this.#underWay -= 1;
      this.#pump();
    };
    this.#onOfferWritten = () => {
      this.#offerUnderWay = false;
      this.#onWritten();
    };
  }

  /** Whether so many answers wait that nothing more should be read. */
  get full(): boolean {
    return this.#mailbox.full;
  }

  answer(message: Outgoing): void {
    if (this.#ending !== undefined) return;
    this.#mailbox.answer(message);
    this.#pump();
  }

  offer(offer: PreparedOffer): void {
    if (this.#ending !== undefined) return;
    this.#mailbox.offer(offer);
    this.#pump();
  }

  /** Drops waiting offers that are no longer desired. */
  keepOnly(desired: readonly PreparedOffer[]): void {
    this.#mailbox.keepOnly(desired);
  }

  /** Drops what waits, says a last word, and ends the stream: with the error's status, or OK. */
  end(lastWord: Outgoing | undefined, error?: OpenCraneError): void {
    if (this.#ending !== undefined) return;
    this.#ending = { error };
    this.#mailbox.clear();
    if (lastWord !== undefined) this.#mailbox.answer(lastWord);
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < MOST_UNDER_WAY && !this.#call.destroyed) {
      const next = this.#mailbox.take(!this.#offerUnderWay);
      if (next === undefined) break;
      this.#underWay += 1;
      this.#onSent(next.offer);
      if (next.offer !== undefined) this.#offerUnderWay = true;
      this.#call.write(next.message, next.offer === undefined ? this.#onWritten : this.#onOfferWritten);
    }
    if (this.#ending !== undefined && this.#mailbox.empty) this.#finish(this.#ending.error);
  }

  #finish(error: OpenCraneError | undefined): void {
    if (this.#call.writableEnded) return;
    if (error === undefined) this.#call.end();
    else this.#call.emit('error', toGrpcStatus(error, 'serving an agent')); // grpc-js ends the stream with this status
  }
}
