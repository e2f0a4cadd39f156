/** Where a tenant's files are on this machine: laid out like the pod (docs/ARCHITECTURE.md). */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogProgram } from '../tenants/ports.ts';

/** The paths that the platform itself uses. */
export type TenantLayout = ReturnType<typeof tenantLayout>;

/** The paths of a tenant below the coordinator's home folder. */
export function tenantLayout(home: string, tenant: string) {
  const data = join(home, 'tenants', tenant);
  const at = (...parts: string[]) => join(data, ...parts);
  return {
    data,
    state: at('state'),
    gatewayToken: at('secrets', 'gateway-token'),
    agentToken: at('agent', 'token'),
    platform: at('platform.json'),
    /** Where the tenant is durable, unless buckets are elsewhere. */
    bucket: at('openclaw'),
    /** The tenant's key. Without it nothing in the bucket can be read. */
    key: keyWithin(data),
    bin: at('bin'),
    logs: at('logs'),
    log: (program: LogProgram) => at('logs', `${program}.log`),
    agent: { lock: at('agent', 'lock'), pid: at('agent', 'agent.pid') },
    /** Says which disk this is, for the lease (agent/fence/holder.ts). */
    disk: at('agent', 'disk'),
    agentStartedWith: at('agent', 'started-with'),
    launcher: { lock: at('run', 'launcher.lock'), pid: at('run', 'launcher.pid') },
    gatewayLock: at('run', 'gateway.lock'),
  } as const;
}

/** The file with the key in a tenant's folder, wherever that is. */
export function keyWithin(data: string): string {
  return join(data, 'key', 'tenant.key');
}

/** Where the folders of deleted tenants are kept whose retention says so, as `NAME-TIME`. */
export function retainedFolder(home: string): string {
  return join(home, 'retained');
}

/** Makes the tenant's folders, private to this user. */
export async function makeFolders({ data }: TenantLayout): Promise<void> {
  const folders = ['state', 'secrets', 'config', 'agent', 'kept', 'run', 'bin', 'logs', 'tmp', 'openclaw', 'key'];
  for (const folder of folders) await mkdir(join(data, folder), { recursive: true, mode: 0o700 });
}
