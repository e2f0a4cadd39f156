/**
 * Sends what waits in a session's mailbox, one message at a time: the next is taken only when grpc-js has handed the
 * one before to the network. What a slow reader makes wait therefore waits in the mailbox, where newer replaces older.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import { toGrpcStatus } from '@opencrane/kit/grpc/status.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import { Mailbox, type Outgoing } from './mailbox.ts';

/** A stream of an agent. Requests are bytes: see kit/grpc/decode-request.ts. */
export type AgentCall = ServerDuplexStream<Buffer, Outgoing>;

/** The sending side of one stream. */
export class Outlet {
  readonly #call: AgentCall;
  readonly #onSent: (offer: PreparedOffer | undefined) => void;
  readonly #onWritten: () => void;
  readonly #mailbox = new Mailbox();
  #writing = false;
  #ending: { readonly error: OpenCraneError | undefined } | undefined;

  /** `onSent` is told each time a message has left; with the offer, if it was one. */
  constructor(call: AgentCall, onSent: (offer: PreparedOffer | undefined) => void) {
    this.#call = call;
    this.#onSent = onSent;
    this.#onWritten = () => {
      this.#writing = false;
      this.#pump();
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
    if (this.#writing || this.#call.destroyed) return;
    const next = this.#mailbox.take();
    if (next === undefined) {
      if (this.#ending !== undefined) this.#finish(this.#ending.error);
      return;
    }
    this.#writing = true;
    this.#onSent(next.offer);
    this.#call.write(next.message, this.#onWritten);
  }

  #finish(error: OpenCraneError | undefined): void {
    if (this.#call.writableEnded) return;
    if (error === undefined) this.#call.end();
    else this.#call.emit('error', toGrpcStatus(error, 'serving an agent')); // grpc-js ends the stream with this status
  }
}
