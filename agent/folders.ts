/** Where things are in a tenant's folder; the same on a laptop and in a pod (docs/ARCHITECTURE.md). */
import { join } from 'node:path';

/** Absolute paths of a tenant's files. */
export type TenantFolders = ReturnType<typeof tenantFolders>;

/** The paths below a tenant's data folder. */
export function tenantFolders(data: string) {
  const at = (...parts: string[]) => join(data, ...parts);
  return {
    data,
    /** OpenClaw's state: `OPENCLAW_STATE_DIR`. */
    state: at('state'),
    secrets: at('secrets'),
    gatewayToken: at('secrets', 'gateway-token'),
    config: at('config'),
    agent: at('agent'),
    serving: at('agent', 'serving.json'),
    journal: at('agent', 'journal.json'),
    receipts: at('agent', 'receipts.jsonl'),
    agentLock: at('agent', 'lock'),
    agentPid: at('agent', 'agent.pid'),
    kept: at('kept'),
    run: at('run'),
    bin: at('bin'),
    logs: at('logs'),
    tmp: at('tmp'),
  } as const;
}
