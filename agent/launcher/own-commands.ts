/** The commands of OpenClaw that its parent runs between two of its processes. */
import type { Logger } from '@opencrane/kit/logging.ts';
import { z } from 'zod/mini';
import type { TenantFolders } from '../folders.ts';
import { runOpenClaw } from '../openclaw/command.ts';
import { readGatewayToken, type StartOrder } from './openclaw-process.ts';

const HANDOFF_MILLIS = 45_000; // the hand-over itself is good for 60 s
const DOCTOR_MILLIS = 180_000;
const consumed = z.object({ status: z.string() });

/** Whether the process that ended with 0 asked to be started again. Asking takes the request away: it is for one start. */
export async function consumeRestartHandOver(
  folders: TenantFolders,
  order: StartOrder,
  pid: number,
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const { code, stdout, stderr } = await runOpenClaw({
    ...(await surroundings(folders, order)),
    arguments: ['gateway', 'restart-handoff', 'consume', '--expected-pid', String(pid), '--json'],
    timeoutMillis: HANDOFF_MILLIS,
    signal,
  });
  const answer = parseJson(stdout);
  if (answer === undefined) log.warn({ code, stderr: stderr.slice(-500) }, 'OpenClaw does not say why it ended');
  return answer?.status === 'accepted';
}

/** Lets OpenClaw repair what kept it from starting; its own words, and whether it says it did. */
export async function runDoctor(
  folders: TenantFolders,
  order: StartOrder,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly words: string }> {
  const { code, stdout, stderr } = await runOpenClaw({
    ...(await surroundings(folders, order)),
    arguments: ['doctor', '--fix', '--yes', '--non-interactive'],
    timeoutMillis: DOCTOR_MILLIS,
    signal,
  });
  return { ok: code === 0, words: `${stdout}\n${stderr}`.trim() };
}

async function surroundings(folders: TenantFolders, { runtimeDirectory, environment }: StartOrder) {
  const token = await readGatewayToken(folders);
  return {
    runtimeDirectory,
    environment: { ...environment, OPENCLAW_GATEWAY_TOKEN: token },
    folder: folders.state,
    stateLock: folders.gatewayLock, // a launcher that was killed must not leave a doctor at work on the state
  };
}

function parseJson(stdout: string): z.infer<typeof consumed> | undefined {
  try {
    return consumed.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}
