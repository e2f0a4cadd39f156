/** What the tests of the platform share. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { tenantLayout } from './layout.ts';
import { LocalPlatform, type LocalPlatformOptions } from './local-platform.ts';

const standIn = fileURLToPath(new URL('./stand-in.ts', import.meta.url));

/** What a coordinator's environment may hold that is for nobody else. */
export const secrets = {
  OPENCRANE_TOKEN: 'secret: the admin token',
  OPENCRANE_DATABASE: 'postgres://opencrane:secret@db/opencrane',
  PGPASSWORD: 'secret',
  AWS_SECRET_ACCESS_KEY: 'secret',
  ANTHROPIC_API_KEY: 'secret',
  npm_config__authToken: 'secret',
  NODE_OPTIONS: '--title=secret',
  SOMETHING_NOBODY_THOUGHT_OF: 'secret',
} as const;

/** A platform whose agents and launchers are stand-ins. */
export function standInPlatform(
  home: string,
  address = '127.0.0.1:1',
  clock: Clock = systemClock,
  settings: Partial<Pick<LocalPlatformOptions, 'buckets' | 'retention' | 'witnessId' | 'commands'>> = {},
): LocalPlatform {
  const platform = notYetUp(home, address, clock, settings);
  platform.up();
  return platform;
}

/** The same of a coordinator that is still starting. */
export function notYetUp(
  home: string,
  address = '127.0.0.1:1',
  clock: Clock = systemClock,
  settings: Partial<Pick<LocalPlatformOptions, 'buckets' | 'retention' | 'witnessId' | 'commands'>> = {},
): LocalPlatform {
  return new LocalPlatform({
    home,
    agentAddress: () => address,
    witnessId: 'the witness',
    tokens: { issue: async (tenant, id) => `token of ${tenant} ${id}` },
    commands: {
      agent: [process.execPath, standIn, 'agent'],
      launcher: [process.execPath, standIn, 'launcher'],
      bucket: [process.execPath, standIn, 'bucket'],
    },
    environment: { ...process.env, ...secrets },
    buckets: undefined,
    retention: undefined,
    logLevel: 'info',
    clock,
    random: () => 0.01,
    ...settings,
    log: createLogger({ program: 'test', level: 'silent' }),
  });
}

/** The process id a stand-in has written, when that process is there; else 0. */
export function pidOf(home: string, tenant: string, program: 'agent' | 'launcher'): number {
  const file = tenantLayout(home, tenant)[program].pid;
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  return pid > 0 && isThere(pid) ? pid : 0;
}

/** Whether a process runs. A zombie, which only waits to be counted by its parent, does not. */
export function isThere(pid: number): boolean {
  if (!processExists(pid)) return false;
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}

/** Resolves with the first truthy answer; fails after 20 s with what was waited for. */
export async function eventually<T>(what: string, look: () => T): Promise<Exclude<T, false | 0 | undefined>> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const seen = look();
    // What is true is none of the excluded; the compiler does not narrow a type parameter.
    if (seen) return seen as Exclude<T, false | 0 | undefined>;
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await systemClock.sleep(20);
  }
}
