/** Whether the gateway still answers: one that works hard does, one that hangs or stands still does not. */
import type { Clock } from '@opencrane/kit/clock.ts';

/** How long a gateway may give no answer. */
export type Patience = {
  /** Its port takes connections and nothing answers: an event loop that is blocked, or a process that stands still. */
  readonly hungMillis: number;
  /** Nothing listens: it has not opened its port yet, or is about to exit, which takes it up to 15 s (2026.9.6). */
  readonly closedMillis: number;
};

const PATIENCE: Patience = { hungMillis: 30_000, closedMillis: 60_000 };
const LOOK_MILLIS = 1_000;
/** How long one look waits for an answer. */
const ANSWER_MILLIS = 5_000;

/** Resolves with why once the gateway on this port has been silent for too long, or with undefined when the signal fires. */
export async function untilSilent(
  port: number,
  clock: Clock,
  over: AbortSignal,
  { hungMillis, closedMillis }: Patience = PATIENCE,
): Promise<string | undefined> {
  let answeredAt = clock.monotonic();
  while (!over.aborted) {
    const seen = await ask(port, Math.min(ANSWER_MILLIS, hungMillis), over);
    const now = clock.monotonic();
    if (seen === 'answers') answeredAt = now;
    const silentMillis = now - answeredAt;
    if (silentMillis >= (seen === 'closed' ? closedMillis : hungMillis) && !over.aborted) {
      return `${seen === 'closed' ? 'nothing listens on its port' : 'no answer'} for ${Math.round(silentMillis / 1000)} s`;
    }
    await clock.sleep(Math.min(LOOK_MILLIS, hungMillis / 4), over).catch(() => {});
  }
  return undefined;
}

async function ask(port: number, timeoutMillis: number, over: AbortSignal): Promise<'answers' | 'hung' | 'closed'> {
  const timeout = AbortSignal.timeout(timeoutMillis);
  try {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.any([timeout, over]) });
    await response.body?.cancel();
    return 'answers';
  } catch {
    return timeout.aborted ? 'hung' : 'closed';
  }
}
