/**
 * The times that agents and launchers read from their environment, as whole numbers of milliseconds. On a laptop that is the
 * environment of the coordinator, which refuses a bad one at its own start: an agent could only end with it, again and again.
 */

/** The variables, with the least and the most that each may be. What a missing one means, agent/settings.ts says. */
export const agentTimes = {
  /** How long a start of OpenClaw may take. */
  OPENCRANE_READY_TIMEOUT_MS: { min: 1, max: 86_400_000 },
  OPENCRANE_LEASE_TTL_MS: { min: 1_000, max: 3_600_000 },
  OPENCRANE_OUTAGE_MS: { min: 0, max: 86_400_000 },
  OPENCRANE_SOAK_MS: { min: 0, max: 86_400_000 },
  OPENCRANE_DRAIN_MS: { min: 1, max: 86_400_000 },
} as const;
