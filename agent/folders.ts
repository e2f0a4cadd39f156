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
    /** What the agent writes into the state, so that it comes back with it (docs/adr/0014-records-travel-with-the-state.md). */
    inState: at('state', '.opencrane'),
    servingCopy: at('state', '.opencrane', 'serving.json'),
    keptCopy: at('state', '.opencrane', 'kept-states.json'),
    journal: at('agent', 'journal.json'),
    receipts: at('agent', 'receipts.jsonl'),
    agentLock: at('agent', 'lock'),
    agentPid: at('agent', 'agent.pid'),
    /** Which disk this is, for the lease. */
    holder: at('agent', 'disk'),
    /** Whose state is on this disk. */
    lineage: at('agent', 'lineage.json'),
    /** What the files of the state looked like in the newest snapshot. */
    seenLog: at('agent', 'seen.jsonl'),
    databaseCopies: at('agent', 'database-copies'),
    kept: at('kept'),
    run: at('run'),
    launcherLock: at('run', 'launcher.lock'),
    launcherPid: at('run', 'launcher.pid'),
    /** What the launcher was told to run, for the launcher that comes after it. */
    started: at('run', 'started.json'),
    /** Held by OpenClaw's own process (agent/launcher/guard.mjs). */
    gatewayLock: at('run', 'gateway.lock'),
    bin: at('bin'),
    /** The `openclaw` that the tenant's shell finds first. */
    shim: at('bin', 'openclaw'),
    logs: at('logs'),
    openclawLog: at('logs', 'openclaw.log'),
    tmp: at('tmp'),
  } as const;
}
