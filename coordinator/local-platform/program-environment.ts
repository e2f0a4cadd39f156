/** What of the coordinator's own environment a tenant's programs get: what is named here, and nothing else. */
import { pick, surroundings } from '@opencrane/kit/environment.ts';

/** For every program of ours: where it finds others and keeps what is passing, and the fault points of tests. */
const forBoth = [
  ...surroundings,
  'PATH',
  'HOME',
  'TMPDIR',
  'OPENCRANE_DRAIN_MS',
  'OPENCRANE_FAULT_FILE',
  'OPENCRANE_FAULT_AT',
  'OPENCRANE_FAULT_ONCE',
] as const;

/** The agent's own settings (agent/settings.ts). */
const forAgents = [
  'OPENCRANE_READY_TIMEOUT_MS',
  'OPENCRANE_SOAK_MS',
  'OPENCRANE_LEASE_TTL_MS',
  'OPENCRANE_OUTAGE_MS',
] as const;

/** How Google's library finds who it is (Application Default Credentials), for who goes to a bucket. */
const forBuckets = [
  'GOOGLE_APPLICATION_CREDENTIALS',
  'GOOGLE_CLOUD_PROJECT',
  'GOOGLE_CLOUD_QUOTA_PROJECT',
  'CLOUDSDK_CONFIG',
  'GCE_METADATA_HOST',
  'GCE_METADATA_IP',
  'METADATA_SERVER_DETECTION',
] as const;

const namesFor = {
  agent: [...forBoth, ...forAgents, ...forBuckets],
  /** It needs to know nothing of bucket and coordinator. */
  launcher: forBoth,
  /** What looks at a bucket or empties it where no agent is (bucket-program.ts). */
  bucket: [...forBoth, ...forBuckets],
} as const;

/** What is handed down to a program. */
export function handedDown(program: keyof typeof namesFor, environment: NodeJS.ProcessEnv): Record<string, string> {
  return pick(environment, namesFor[program]);
}
