/** OpenClaw as a person would start it, without any of OpenCrane. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { TenantFolders } from '@opencrane/agent/folders.ts';
import { commandEnvironment, gatewayProcess, nodeFlags, openclawEntry } from '@opencrane/agent/openclaw/environment.ts';
import { probeAll } from '@opencrane/agent/openclaw/probes.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { freePort } from '../../fixtures/free-port.ts';

/** Starts it on a tenant's state and ends it again; resolves with the milliseconds until it was ready. */
export async function startByHand(runtime: string, folders: TenantFolders): Promise<number> {
  const port = await freePort();
  const token = readFileSync(folders.gatewayToken, 'utf8').trim();
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [...nodeFlags, openclawEntry(runtime), ...gatewayProcess(folders, port, process.env).arguments],
    { stdio: 'ignore', env: commandEnvironment(folders, port, token, process.env) },
  );
  const ended = once(child, 'exit');
  try {
    const isReady = async () => {
      if (child.exitCode !== null) throw new Error(`OpenClaw ended with ${child.exitCode}`);
      return (await probeAll(port))?.started === true;
    };
    await awaitFact('OpenClaw is ready', isReady, { withinMillis: 120_000, everyMillis: 20 });
    return performance.now() - began;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}
