/**
 * The environment and arguments that OpenClaw's processes run with, as a pure function of the tenant's folders:
 * everything it can be told to write goes below the tenant's folder, and nothing of the starter's secrets reaches it.
 *
 * What cannot be moved (2026.9.6): empty lock files in `/tmp/openclaw-state-locks-UID`, and its own rolling log in
 * `/tmp/openclaw`, unless the configuration's `logging.file` says `${OPENCRANE_OPENCLAW_LOG}`.
 */
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pick, surroundings } from '@opencrane/kit/environment.ts';
import type { TenantFolders } from '../folders.ts';

/** What a process of OpenClaw is started with. */
export type OpenClawProcess = {
  readonly environment: Readonly<Record<string, string>>;
  /** Arguments after `openclaw.mjs`. */
  readonly arguments: readonly string[];
};

/** Flags of Node itself; without the first one OpenClaw's commands start themselves a second time to add it. */
export const nodeFlags: readonly string[] = ['--disable-warning=ExperimentalWarning'];

/** As a URL: `--import` takes one, and would read `#`, `?` and `%` of a path as parts of it. */
const guard = pathToFileURL(join(import.meta.dirname, '../launcher/guard.mjs')).href;

/** What makes a process hold the lock on a tenant's state and end with the one that started it; nothing without a lock. */
export function guarding(stateLock: string | undefined): {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  if (stateLock === undefined) return { flags: [], environment: {} };
  return { flags: ['--import', guard], environment: { OPENCRANE_GATEWAY_LOCK: stateLock } };
}

/** The file in a runtime's folder that starts OpenClaw. */
export function openclawEntry(runtimeDirectory: string): string {
  return join(openclawPackage(runtimeDirectory), 'openclaw.mjs');
}

/** OpenClaw's package folder in a runtime's folder. */
export function openclawPackage(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'lib', 'node_modules', 'openclaw');
}

/** The home that OpenClaw and what it runs see; in the state, because it is the tenant's and must last. */
export function openclawHome(folders: TenantFolders): string {
  return join(folders.state, 'home');
}

/**
 * What the gateway is started with. The token is not in it: the launcher reads it from its file when it starts the
 * process, so that no record of what to start holds a secret.
 */
export function gatewayProcess(folders: TenantFolders, port: number, starter: NodeJS.ProcessEnv): OpenClawProcess {
  return {
    environment: { ...baseEnvironment(folders, port, starter), NO_COLOR: '1' }, // its output is a file
    arguments: ['gateway', 'run', '--port', String(port)],
  };
}

/** The environment of OpenClaw's other commands. */
export function commandEnvironment(
  folders: TenantFolders,
  port: number,
  token: string,
  starter: NodeJS.ProcessEnv,
): Record<string, string> {
  return { ...baseEnvironment(folders, port, starter), OPENCLAW_GATEWAY_TOKEN: token };
}

function baseEnvironment(folders: TenantFolders, port: number, starter: NodeJS.ProcessEnv): Record<string, string> {
  return {
    ...pick(starter, surroundings), // keys of others, and whatever else the starter has, stay behind
    PATH: [folders.bin, dirname(process.execPath), starter['PATH'] ?? '/usr/bin:/bin'].join(delimiter),
    HOME: openclawHome(folders),
    // Its compile cache goes here too. NODE_COMPILE_CACHE would move it as well, but makes OpenClaw start itself twice.
    TMPDIR: folders.tmp,
    OPENCLAW_STATE_DIR: folders.state,
    OPENCLAW_CONFIG_PATH: join(folders.state, 'openclaw.json'),
    OPENCLAW_GATEWAY_PORT: String(port),
    // We own its life: it refuses to update itself, and hands a restart over instead of starting a process of its own.
    OPENCLAW_SUPERVISOR_MODE: 'external',
    OPENCLAW_SERVICE_REPAIR_POLICY: 'external',
    OPENCLAW_NO_AUTO_UPDATE: '1',
    OPENCLAW_OFFLINE: '1',
    OPENCLAW_DISABLE_BONJOUR: '1',
    OPENCLAW_EXEC_SHELL_SNAPSHOT: '0',
    OPENCRANE_OPENCLAW_LOG: join(folders.logs, 'openclaw-own.log'),
  };
}
