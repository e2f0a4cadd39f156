/**
 * How processes are kept small of which a machine runs one for each tenant. Measured in docs/performance.md; what is measured
 * there (test/bench) runs with the same.
 */

/** Flags of Node. They keep little that is young: a small young generation saves 18 MB each. */
export const leanFlags = ['--max-semi-space-size=1'] as const;

/**
 * Environment of the agent alone: OpenClaw, which the launcher starts, would only be slower. The C library gives each thread
 * an arena of its own, and what one thread frees another can't use; packing and sealing content go through all of them.
 */
export const leanEnvironment = { MALLOC_ARENA_MAX: '1' } as const;
