/**
 * Where the link to the coordinator stands, as a pure state machine.
 *
 *   stopped ──start──▶ dialing ──welcome──▶ connected
 *                        │ ▲                   │
 *                   lost │ └──── waited ───┐   │ lost, or a goodbye
 *                        ▼                 │   ▼
 *                      waiting ◀───────────┴───┘            any ──stop──▶ stopped
 *
 * Waits grow with the failures in a row and are drawn evenly from nothing to their ceiling, so that agents that lost
 * their coordinator together don't come back together. A goodbye says itself how long to wait.
 */
import { backoffMillis } from '@opencrane/kit/backoff.ts';

/** The states. Times are on the monotonic clock. */
export type LinkState =
  | { readonly is: 'stopped' }
  | { readonly is: 'dialing'; readonly failures: number }
  | { readonly is: 'connected'; readonly failures: number; readonly since: number }
  | { readonly is: 'waiting'; readonly failures: number; readonly waitMillis: number };

/** How a stream ended. */
export type Ending = {
  readonly why: string;
  /** The coordinator's own word on when to come again. */
  readonly reconnectAfterMillis?: number;
};

/** Failures before this much health count no longer; a shorter life is one more failure. */
const HEALTHY_MILLIS = 60_000;

/** Half a second is an eternity for a restart of the coordinator, a minute is short for a person who waits. */
const BACKOFF = { firstMillis: 500, maxMillis: 60_000 };

/** No word of a coordinator keeps an agent away for longer. */
const LONGEST_HINT_MILLIS = 10 * 60_000;

/** Begins an attempt. */
export function onDial(state: LinkState): LinkState {
  return { is: 'dialing', failures: state.is === 'stopped' ? 0 : state.failures };
}

/** The coordinator accepted the hello. A later welcome only answers a heartbeat. */
export function onWelcome(state: LinkState, now: number): LinkState {
  return state.is === 'dialing' ? { is: 'connected', failures: state.failures, since: now } : state;
}

/** The stream is gone, or never came to be. */
export function onLost(state: LinkState, ending: Ending, now: number, random: () => number): LinkState {
  if (state.is === 'stopped' || state.is === 'waiting') return state;
  const healthy = state.is === 'connected' && now - state.since >= HEALTHY_MILLIS;
  const failures = healthy ? 0 : state.failures;
  const hint = ending.reconnectAfterMillis;
  const waitMillis =
    hint === undefined ? backoffMillis(failures, BACKOFF, random) : Math.min(Math.max(0, hint), LONGEST_HINT_MILLIS);
  return { is: 'waiting', failures: failures + 1, waitMillis };
}
