/** How long a connection of the admin port may keep its place, as a pure function of what was seen of it. */

/** What was seen of a connection. Times are in milliseconds. */
export type ConnectionSeen = {
  /** A request is here as a whole and not answered yet, or its answer has begun; a watch may be silent for hours. */
  readonly isOurTurn: boolean;
  /** Requests of which a part is here. */
  readonly halfSent: number;
  /** HTTP/2 connections stay open between requests; an HTTP/1.1 one is closed by Node after 5 s. */
  readonly mayRest: boolean;
  /** Since it is the caller's turn. */
  readonly turnMillis: number;
  /** Since the last byte. */
  readonly silentMillis: number;
};

/** The limits, in milliseconds. */
export type Patience = {
  /** For all of a request's headers, from the connection or the last answer on. */
  readonly headersMillis: number;
  /** Between two bytes of a request's body. An upload may be slow if it is steady. */
  readonly stallMillis: number;
  /** For a whole request: 4 MiB, the largest there is, at 7 KB/s. */
  readonly requestMillis: number;
  /** Between two requests of an HTTP/2 connection. */
  readonly restMillis: number;
};

/** The limits as shipped. */
export const defaultPatience: Patience = {
  headersMillis: 10_000,
  stallMillis: 10_000,
  requestMillis: 600_000,
  restMillis: 60_000,
};

/** Whether the connection may stay. */
export function mayStay(seen: ConnectionSeen, patience: Patience): boolean {
  if (seen.isOurTurn) return true;
  if (seen.halfSent > 0) return seen.silentMillis <= patience.stallMillis && seen.turnMillis <= patience.requestMillis;
  return seen.turnMillis <= (seen.mayRest ? patience.restMillis : patience.headersMillis);
}
