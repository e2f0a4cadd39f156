/** OpenClaw as a person would start it, without any of OpenCrane. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { TenantFolders } from '@opencrane/agent/folders.ts';
import { commandEnvironment, gatewayProcess, nodeFlags, openclawEntry } from '@opencrane/agent/openclaw/environment.ts';
import { probeAll } from '@opencrane/agent/openclaw/probes.ts';
import { awaitFact } from '../../fixtures/await-fact.ts';

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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
