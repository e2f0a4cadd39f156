/**
 * How processes are kept small of which a machine runs one for each tenant. Measured in docs/performance.md; what is measured
 * there (test/bench/vault) runs with the same.
 */

/** Flags of Node. They keep little that is young: a small young generation saves 18 MB each. */
export const leanFlags = ['--max-semi-space-size=1'] as const;

/**
 * Environment of the agent alone: OpenClaw, which the launcher starts, would only be slower. It tells glibc's malloc
 * (https://sourceware.org/glibc/manual/latest/html_node/Malloc-Tunable-Parameters.html) to give memory back after a snapshot.
 * One arena, since what one thread frees another can't use. The largest buffers are mappings of their own, and what is free at
 * the end goes back; by itself glibc raises both limits by the largest buffer that it ever saw. Lower ones cost a restore a
 * quarter more time. Musl knows none of this.
 */
export const leanEnvironment = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '4000000',
  MALLOC_TRIM_THRESHOLD_: '8000000',
} as const;
