/**
 * What waits to be sent to one agent. Of offers only the newest of a kind is kept, so a slow agent skips to it and
 * costs no more than a fast one. Everything else answers something the agent sent and goes out in order; the session
 * stops reading while too many answers wait, so neither part grows.
 */
import type { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import type { ConnectResponse } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import { sameOffer } from './offers-due.ts';

/** A message for the stream. */
export type Outgoing = Encoded | ConnectResponse;

/** What goes out next. */
export type Next = { readonly message: Outgoing; readonly offer: PreparedOffer | undefined };

/** Answers that may wait before the session stops reading. */
const ENOUGH_ANSWERS = 32;

/** The mailbox of one session. */
export class Mailbox {
  #answers: Outgoing[] = [];
  #offers: PreparedOffer[] = [];

  /** Adds an answer. */
  answer(message: Outgoing): void {
    this.#answers.push(message);
  }

  /** Puts an offer in the place of an older one of its kind. */
  offer(offer: PreparedOffer): void {
    this.#offers = [...this.#offers.filter(({ kind }) => kind !== offer.kind), offer];
  }

  /** Drops offers that are no longer what the tenant should serve. */
  keepOnly(desired: readonly PreparedOffer[]): void {
    if (this.#offers.length === 0) return;
    this.#offers = this.#offers.filter((offer) =>
      desired.some((wanted) => wanted.kind === offer.kind && sameOffer(wanted, offer)),
    );
  }

  /** Drops everything: only a last word follows. */
  clear(): void {
    this.#answers = [];
    this.#offers = [];
  }

  /** Takes out what goes next: answers before offers, and offers only `withOffers`. */
  take(withOffers: boolean): Next | undefined {
    const answer = this.#answers.shift();
    if (answer !== undefined) return { message: answer, offer: undefined };
    const offer = withOffers ? this.#offers.shift() : undefined;
    return offer && { message: offer.message, offer };
  }

  get empty(): boolean {
    return this.#answers.length === 0 && this.#offers.length === 0;
  }

  /** Whether the session should stop reading until some answers are gone. */
  get full(): boolean {
    return this.#answers.length >= ENOUGH_ANSWERS;
  }
}
