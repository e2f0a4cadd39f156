/**
 * Sends what waits in a session's mailbox. Few messages are under way to the network at one time, and of them at most
 * one offer. What a slow reader makes wait therefore waits in the mailbox, where newer replaces older.
 */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { StreamCall } from '@opencrane/kit/grpc/stream-call.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import { Mailbox, type Outgoing } from './mailbox.ts';

/** Messages under way at most: enough for those of one turn of the loop to leave in one packet. */
const MOST_UNDER_WAY = 4;

/** The sending side of one stream. */
export class Outlet {
  readonly #call: StreamCall;
  readonly #onSent: (offer: PreparedOffer | undefined) => void;
  readonly #onWritten: () => void;
  readonly #onOfferWritten: () => void;
  readonly #mailbox = new Mailbox();
  #underWay = 0;
  #offerUnderWay = false;
  #ending: { readonly error: OpenCraneError | undefined } | undefined;
  #finished = false;

  /** `onSent` is told each time a message has left; with the offer, if it was one. */
  constructor(call: StreamCall, onSent: (offer: PreparedOffer | undefined) => void) {
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
    if (this.#ending !== undefined || this.#finished) return;
    this.#mailbox.answer(message);
    this.#pump();
  }

  offer(offer: PreparedOffer): void {
    if (this.#ending !== undefined || this.#finished) return;
    this.#mailbox.offer(offer);
    this.#pump();
  }

  /** Drops waiting offers that are no longer desired. */
  keepOnly(desired: readonly PreparedOffer[]): void {
    this.#mailbox.keepOnly(desired);
  }

  /** Drops what waits, says a last word, and ends the stream: with the error's status, or OK. */
  end(lastWord: Outgoing | undefined, error?: OpenCraneError): void {
    if (this.#ending !== undefined || this.#finished) return;
    this.#ending = { error };
    this.#mailbox.clear();
    if (lastWord !== undefined) this.#mailbox.answer(lastWord);
    this.#pump();
  }

  /** The stream is gone; nothing can be sent any more. */
  closed(): void {
    this.#finished = true;
    this.#mailbox.clear();
  }

  #pump(): void {
    while (this.#underWay < MOST_UNDER_WAY) {
      const next = this.#mailbox.take(!this.#offerUnderWay);
      if (next === undefined) break;
      this.#underWay += 1;
      this.#onSent(next.offer);
      if (next.offer !== undefined) this.#offerUnderWay = true;
      this.#call.write(next.message, next.offer === undefined ? this.#onWritten : this.#onOfferWritten);
    }
    if (this.#ending === undefined || this.#finished || !this.#mailbox.empty) return;
    this.#finished = true;
    this.#call.end(this.#ending.error);
  }
}
