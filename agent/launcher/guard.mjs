/**
 * Preloaded into OpenClaw's own process (`node --import guard.mjs openclaw.mjs …`), so that three things hold of the very
 * process that opens a tenant's state:
 *
 * - it alone has the state: it holds an exclusive lock for as long as it lives, or it never gets as far as OpenClaw;
 * - it does not outlive its launcher, as a container does not outlive its first process;
 * - it does not outlive its hold, for as long as which nobody else may run this tenant (docs/fence.md), even when its
 *   launcher stands still.
 *
 * The last two are watched by a thread of its own (guard-watch.mjs): OpenClaw's may be busy for a long time.
 *
 * Plain JavaScript that imports nothing of ours: it runs under whatever Node and loader the runtime was started with.
 */
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

/** EX_TEMPFAIL of sysexits.h: the lock is held; trying again later may work. */
const LOCK_HELD = 75;

const { OPENCRANE_GATEWAY_LOCK: path, OPENCRANE_GATEWAY_HOLD: hold } = process.env;
// OpenClaw starts children with this environment; they must not try to take its lock.
delete process.env.OPENCRANE_GATEWAY_LOCK;
delete process.env.OPENCRANE_GATEWAY_HOLD;

// Workers inherit the preload; only the main process was given the variable (and the pipe).
if (path !== undefined) {
  takeLock(path);
  startWatch(hold);
}

/** @param {string} file */
function takeLock(file) {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`another OpenClaw runs on this state: it holds ${file} (${why})\n`);
    process.exit(LOCK_HELD);
  }
  // The lock goes when the connection is collected, so something must keep it.
  Object.defineProperty(globalThis, Symbol.for('opencrane.gateway-lock'), { value: database });
}

/** @param {string | undefined} until */
function startWatch(until) {
  const watch = new Worker(new URL('./guard-watch.mjs', import.meta.url), {
    workerData: { until },
    execArgv: [], // not this preload again
    env: {},
  });
  watch.unref(); // it must not keep a process alive that OpenClaw has ended
  const unguarded = () => process.kill(process.pid, 'SIGKILL');
  watch.on('error', unguarded);
  watch.on('exit', unguarded);
}
