/**
 * Ends a running OpenClaw within a budget: no new work, running turns end, SIGTERM, and SIGKILL when all else failed.
 *
 *   0 ──── turns end ────▶ budget − reserve ──── SIGTERM, an orderly exit ────▶ budget ── SIGKILL
 *
 * What still runs when the reserve begins is handed over to OpenClaw's own interruption (`gateway.suspend.handoff`),
 * which records it for recovery; a plain SIGTERM would go on waiting for it.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { TenantFolders } from '../folders.ts';
import { connectGateway, type GatewayClient, type Suspension } from '../openclaw/gateway-client.ts';
import { type RunningProcess, readGatewayToken, type StartOrder } from './openclaw-process.ts';

/** OpenClaw exits 2.5 s after SIGTERM at most when idle, and gives an interrupted turn 10 s (measured on 2026.9.6). */
const MOST_RESERVE_MILLIS = 15_000;
const POLL_MILLIS = 250;
/** The lease is two minutes. */
const RENEW_MILLIS = 60_000;
const CONNECT_MILLIS = 3_000;

/** What remains of a budget once somebody has lost patience. */
const HURRIED_MILLIS = 3_000;

/** What a drain is about. */
export type Drain = {
  readonly folders: TenantFolders;
  readonly order: StartOrder;
  readonly process: RunningProcess;
  readonly budgetMillis: number;
  /** Fires when nobody waits for running turns any longer. */
  readonly hurry: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
};

/** The part of a budget that is kept for the exit itself. */
export function exitReserve(budgetMillis: number): number {
  return Math.min(MOST_RESERVE_MILLIS, budgetMillis / 4);
}

/** Resolves when the process is gone. Never throws: what cannot be drained is killed. */
export async function drain(work: Drain): Promise<void> {
  const { process, budgetMillis, hurry, clock, log } = work;
  const { pid } = process;
  const over = new AbortController();
  const gone = process.ended.then(() => over.abort());
  const killAt = clock.monotonic() + budgetMillis;
  const turnsUntil = killAt - exitReserve(budgetMillis);
  try {
    await letTurnsEnd(work, turnsUntil, AbortSignal.any([over.signal, hurry]));
  } catch (cause) {
    if (!over.signal.aborted) log.warn({ pid, why: messageOf(cause) }, 'not drained');
  }
  if (!over.signal.aborted) {
    signalProcess(pid, 'SIGTERM');
    await waitUntil(killAt, work, over.signal);
  }
  if (!over.signal.aborted) {
    log.warn({ pid, budgetMillis }, 'OpenClaw did not end within its budget: killed');
    signalProcess(pid, 'SIGKILL');
  }
  await gone;
}

/** Waits for the process to be gone, at most until the deadline, and less when somebody hurries. */
async function waitUntil(deadline: number, { clock, hurry }: Drain, over: AbortSignal): Promise<void> {
  const until = AbortSignal.any([over, hurry]);
  await clock.sleep(Math.max(0, deadline - clock.monotonic()), until).catch(() => {});
  if (over.aborted || !hurry.aborted) return;
  await clock.sleep(HURRIED_MILLIS, over).catch(() => {});
}

async function letTurnsEnd(work: Drain, until: number, signal: AbortSignal): Promise<void> {
  const { folders, order, process, clock, log } = work;
  const { pid } = process;
  const port = Number(order.environment['OPENCLAW_GATEWAY_PORT']);
  const token = await readGatewayToken(folders);
  const gateway = await connectGateway({ port, token, signal, timeoutMillis: CONNECT_MILLIS });
  try {
    const { processInstanceId } = await gateway.systemInfo(); // not answered any more once it is suspended
    const requestId = randomUUID();
    let seen = await gateway.suspendPrepare(requestId);
    let renewed = clock.monotonic();
    while (seen.status !== 'ready') {
      if (clock.monotonic() >= until) return await interrupt(gateway, seen, { pid, processInstanceId }, log);
      await clock.sleep(POLL_MILLIS, signal);
      const renew = clock.monotonic() - renewed >= RENEW_MILLIS || seen.suspensionId === undefined;
      if (renew) renewed = clock.monotonic();
      seen = renew ? await gateway.suspendPrepare(requestId) : await gateway.suspendStatus(seen.suspensionId ?? '');
    }
  } finally {
    await gateway.close();
  }
}

async function interrupt(
  gateway: GatewayClient,
  { suspensionId, blockers }: Suspension,
  target: { readonly pid: number; readonly processInstanceId: string },
  log: Logger,
): Promise<void> {
  log.warn({ pid: target.pid, blockers }, 'the drain took its whole budget: interrupting what still runs');
  if (suspensionId !== undefined) await gateway.suspendHandoff(suspensionId, target);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already; its exit is on the way.
  }
}
