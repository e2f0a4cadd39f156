/**
 * Waits for the OpenClaw of a launcher that is gone. Its guard ends it within seconds; one that does not end is killed,
 * but only while the recorded process id still names the recorded process.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { processIdentity } from './process-identity.ts';

const POLL_MILLIS = 50;
/** The guard gives an orphan 10 s to end, then kills it (guard.mjs). */
const PATIENCE_MILLIS = 15_000;

/** Resolves when nobody holds the lock at `path`; throws `failed_precondition` when somebody we don't know keeps it. */
export async function waitForFreeState(
  path: string,
  recorded: { readonly pid: number; readonly identity: string } | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const begun = clock.monotonic();
  let killed = false;
  for (;;) {
    if (isFree(path)) return;
    const waited = clock.monotonic() - begun;
    if (waited > 2 * PATIENCE_MILLIS) throw stillHeld(path);
    if (waited > PATIENCE_MILLIS && !killed && recorded !== undefined) {
      if (processIdentity(recorded.pid) === recorded.identity) process.kill(recorded.pid, 'SIGKILL');
      killed = true;
    }
    await clock.sleep(POLL_MILLIS, signal);
  }
}

function isFree(path: string): boolean {
  try {
    takeProcessLock(path, 'OpenClaw').release();
    return true;
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.reason === 'lock_held') return false;
    throw cause;
  }
}

function stillHeld(path: string): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'state_in_use', `starting OpenClaw: another process holds ${path}`, {
    field: path,
    mend: 'stop the OpenClaw that was started on this state by hand',
  });
}
