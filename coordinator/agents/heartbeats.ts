/** How often agents give a sign of life. */

/** Shortest interval; below the 25 s after which the strictest proxies call a stream idle. */
const SHORTEST_MILLIS = 15_000;

/** Heartbeats that all agents together may send in a second. One costs the coordinator about 50 µs. */
const BUDGET_PER_SECOND = 500;

/** The time between an agent's heartbeats: it stretches with the number of agents, so that their sum stays in the budget. */
export function heartbeatIntervalMillis(agents: number): number {
  return Math.max(SHORTEST_MILLIS, Math.ceil((agents * 1000) / BUDGET_PER_SECOND));
}

/** How long an agent may say nothing: two heartbeats lost and some delay. */
export function silenceMillis(intervalMillis: number): number {
  return intervalMillis * 2.5 + 5_000;
}

/**
 * How long a connection may be silent, whatever is on it. Twice the time of an ending is added to a session's silence, so
 * that the session's own goodbye, and its own cut, come first.
 */
export function silentConnectionMillis(intervalMillis: number, leastMillis: number, endingMillis: number): number {
  return Math.max(leastMillis, silenceMillis(intervalMillis) + 2 * endingMillis);
}
