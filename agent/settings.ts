/** What an agent is told by its surroundings: environment variables, in a pod and on a laptop alike. */
import { resolve } from 'node:path';
import { agentTimes } from '@opencrane/kit/agent-times.ts';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { DEFAULT_OUTAGE_MILLIS, DEFAULT_TTL_MILLIS } from './fence/terms.ts';
import { DEFAULT_RETENTION, parseRetention } from './vault/prune/retention.ts';

const millis = ({ min, max }: { readonly min: number; readonly max: number }) =>
  z.coerce.number().int().min(min).max(max);

const schema = z.object({
  OPENCRANE_TENANT: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label'),
  /** The tenant's folder. */
  OPENCRANE_DATA: z
    .string()
    .min(1)
    .transform((path) => resolve(path)),
  /** Folder of unpacked bundles; the tenants of one machine may share it. */
  OPENCRANE_RUNTIMES: z
    .string()
    .min(1)
    .transform((path) => resolve(path)),
  /** `host:port` of the coordinator's agent port. */
  OPENCRANE_COORDINATOR: z.string().regex(/^[^\s/]+:\d+$/, 'must be host:port'),
  OPENCRANE_TOKEN_FILE: z.string().min(1),
  /** Where the tenant is durable: a folder, or `gs://bucket`. */
  OPENCRANE_BUCKET: z.string().min(1),
  /** The tenant's key, 64 hex digits in a file of this user's alone. */
  OPENCRANE_KEY_FILE: z.string().min(1),
  OPENCRANE_GATEWAY_PORT: z.coerce.number().int().min(1).max(65535),
  OPENCRANE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** How long a new OpenClaw may take to become ready before an upgrade is rolled back. */
  OPENCRANE_READY_TIMEOUT_MS: millis(agentTimes.OPENCRANE_READY_TIMEOUT_MS).default(180_000),
  /** Which snapshots are kept, as `all=1d,hourly=7d,daily=30d`. */
  OPENCRANE_RETENTION: z.string().optional(),
  /** How long the lease on the bucket outlives a machine that dies (docs/fence.md). */
  OPENCRANE_LEASE_TTL_MS: millis(agentTimes.OPENCRANE_LEASE_TTL_MS).default(DEFAULT_TTL_MILLIS),
  /** For how long the tenant serves on without its bucket while the coordinator vouches for it; 0 for never (docs/fence.md). */
  OPENCRANE_OUTAGE_MS: millis(agentTimes.OPENCRANE_OUTAGE_MS).default(DEFAULT_OUTAGE_MILLIS),
  /** Which coordinator vouches: the id of its database. Without one nobody does. */
  OPENCRANE_WITNESS: z.string().max(64).default(''),
  /** How long a new OpenClaw must stay ready before an upgrade is kept. */
  OPENCRANE_SOAK_MS: millis(agentTimes.OPENCRANE_SOAK_MS).default(10_000),
  /** OpenClaw's own drain budget is 315 s + 15 s to exit (measured on 2026.9.6). */
  OPENCRANE_DRAIN_MS: millis(agentTimes.OPENCRANE_DRAIN_MS).default(330_000),
});

/** The settings of an agent. */
export type AgentSettings = ReturnType<typeof readAgentSettings>;

/** Reads the settings from the environment; says which variable is wrong and how. */
export function readAgentSettings(environment: NodeJS.ProcessEnv) {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const variable = String(issue?.path[0] ?? '');
    throw new OpenCraneError(
      'invalid_argument',
      'setting_invalid',
      `reading the environment: ${variable}: ${issue?.message}`,
      {
        field: variable,
        mend: `set ${variable}; whoever starts the agent does that (on a laptop the coordinator, in a cluster the operator)`,
      },
    );
  }
  const value = parsed.data;
  return {
    tenant: value.OPENCRANE_TENANT,
    data: value.OPENCRANE_DATA,
    runtimes: value.OPENCRANE_RUNTIMES,
    coordinator: value.OPENCRANE_COORDINATOR,
    tokenFile: value.OPENCRANE_TOKEN_FILE,
    bucket: parseBucketAddress(value.OPENCRANE_BUCKET, 'OPENCRANE_BUCKET'),
    keyFile: value.OPENCRANE_KEY_FILE,
    retention:
      value.OPENCRANE_RETENTION === undefined
        ? DEFAULT_RETENTION
        : parseRetention(value.OPENCRANE_RETENTION, 'OPENCRANE_RETENTION'),
    leaseTtlMillis: value.OPENCRANE_LEASE_TTL_MS,
    vouching:
      value.OPENCRANE_WITNESS === ''
        ? undefined
        : { id: value.OPENCRANE_WITNESS, outageMillis: value.OPENCRANE_OUTAGE_MS },
    gatewayPort: value.OPENCRANE_GATEWAY_PORT,
    logLevel: value.OPENCRANE_LOG_LEVEL,
    readyTimeoutMillis: value.OPENCRANE_READY_TIMEOUT_MS,
    soakMillis: value.OPENCRANE_SOAK_MS,
    drainMillis: value.OPENCRANE_DRAIN_MS,
  } as const;
}
