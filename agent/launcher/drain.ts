/**
 * Ends a running OpenClaw within a budget: no new work, running turns end, SIGTERM, and SIGKILL when all else failed.
 *
 *   0 ──── turns end ────▶ budget − 60 s ──── SIGTERM that may interrupt what still runs ────▶ budget ── SIGKILL
 *
 * What still runs when the last minute begins is handed over to OpenClaw's own interruption (`gateway.suspend.handoff`):
 * it goes on for 45 s, is then cancelled and recorded for recovery. A plain SIGTERM would go on waiting for it for 315 s.
 *
 * The budget is for turns that run, and only a process that answers can end one. While it drains OpenClaw goes on answering
 * /healthz (2026.9.6), however long its turns take; one that stops answering is killed once patience is over (silence.ts).
 * One that a signal has stopped (SIGSTOP) is first told to go on, or no other signal would reach it.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { TenantFolders } from '../folders.ts';
import { connectGateway, type GatewayClient, type SuspensionStatus } from '../openclaw/gateway-client.ts';
import { type RunningProcess, readGatewayToken, type StartOrder } from './openclaw-process.ts';
import { type Patience, untilSilent } from './silence.ts';

/** What OpenClaw takes at most for an interruption: 45 s of drain, 10 s of clean-up, 5 s to exit (2026.9.6). */
const INTERRUPTION_MILLIS = 60_000;
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
  /** Shorter in tests. */
  readonly patience?: Patience;
};

/** Resolves when the process is gone. Never throws: what cannot be drained is killed. */
export async function drain(work: Drain): Promise<void> {
  const { process, budgetMillis, hurry, clock, log } = work;
  const { pid } = process;
  const over = new AbortController();
  const gone = process.ended.then(() => over.abort());
  const killAt = clock.monotonic() + budgetMillis;
  signalProcess(pid, 'SIGCONT');
  const silent = new AbortController();
  const watched = untilSilent(gatewayPort(work), clock, over.signal, work.patience).then((why) => {
    if (why === undefined) return;
    log.warn({ pid, why }, 'OpenClaw does not answer while it is drained');
    silent.abort();
  });
  try {
    await letTurnsEnd(work, killAt - INTERRUPTION_MILLIS, AbortSignal.any([over.signal, hurry, silent.signal]));
  } catch (cause) {
    if (!over.signal.aborted) log.warn({ pid, why: messageOf(cause) }, 'not drained');
  }
  if (!over.signal.aborted) {
    signalProcess(pid, 'SIGTERM');
    await waitUntil(killAt, work, AbortSignal.any([over.signal, silent.signal]));
  }
  if (!over.signal.aborted) {
    log.warn({ pid, budgetMillis }, 'OpenClaw did not end in time: killed');
    signalProcess(pid, 'SIGKILL');
  }
  await gone;
  await watched;
}

/** Waits for the process to be gone, at most until the deadline, and less when somebody hurries. */
async function waitUntil(deadline: number, { clock, hurry }: Drain, over: AbortSignal): Promise<void> {
  const until = AbortSignal.any([over, hurry]);
  await clock.sleep(Math.max(0, deadline - clock.monotonic()), until).catch(() => {});
  if (over.aborted || !hurry.aborted) return;
  await clock.sleep(HURRIED_MILLIS, over).catch(() => {});
}

async function letTurnsEnd(work: Drain, until: number, signal: AbortSignal): Promise<void> {
  const { folders, process, clock, log } = work;
  const { pid } = process;
  const port = gatewayPort(work);
  const token = await readGatewayToken(folders);
  const gateway = await connectGateway({ port, token, signal, timeoutMillis: CONNECT_MILLIS });
  try {
    const { processInstanceId } = await gateway.systemInfo(); // not answered any more once it is suspended
    const requestId = randomUUID();
    const prepared = await gateway.suspendPrepare(requestId);
    const { suspensionId } = prepared; // only this answer names it
    let seen: SuspensionStatus = prepared;
    let renewed = clock.monotonic();
    while (seen.status !== 'ready') {
      if (clock.monotonic() >= until)
        return await interrupt(gateway, seen, suspensionId, { pid, processInstanceId }, log);
      await clock.sleep(POLL_MILLIS, signal);
      const renew = clock.monotonic() - renewed >= RENEW_MILLIS;
      if (renew) renewed = clock.monotonic();
      seen = renew ? await gateway.suspendPrepare(requestId) : await gateway.suspendStatus(suspensionId);
    }
  } finally {
    await gateway.close();
  }
}

async function interrupt(
  gateway: GatewayClient,
  { blockers }: SuspensionStatus,
  suspensionId: string,
  target: { readonly pid: number; readonly processInstanceId: string },
  log: Logger,
): Promise<void> {
  log.warn(
    { pid: target.pid, blockers },
    'turns still run in the last minute of the budget: OpenClaw may interrupt them',
  );
  await gateway.suspendHandoff(suspensionId, target);
}

function gatewayPort({ order }: Drain): number {
  return Number(order.environment['OPENCLAW_GATEWAY_PORT']);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already; its exit is on the way.
  }
}
