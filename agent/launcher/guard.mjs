/**
 * Preloaded into OpenClaw's own process (`node --import guard.mjs openclaw.mjs …`), so that two things hold of the very
 * process that opens a tenant's state:
 *
 * - it alone has the state: it holds an exclusive lock for as long as it lives, or it never gets as far as OpenClaw;
 * - it does not outlive its launcher: when the pipe on descriptor 3 closes it stops itself, as a container does when
 *   its first process is gone.
 *
 * Plain JavaScript that imports nothing of ours: it runs under whatever Node and loader the runtime was started with.
 */
import { Socket } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

/** EX_TEMPFAIL of sysexits.h: the lock is held; trying again later may work. */
const LOCK_HELD = 75;
/** How long OpenClaw may drain without a launcher: idle it takes 2.5 s at most, and nobody waits for its answers. */
const ORPHAN_GRACE_MILLIS = 10_000;

const path = process.env.OPENCRANE_GATEWAY_LOCK;
// OpenClaw starts children with this environment; they must not try to take its lock.
delete process.env.OPENCRANE_GATEWAY_LOCK;

// Workers inherit the preload; only the main process was given the variable (and the pipe).
if (path !== undefined) {
  takeLock(path);
  watchLauncher();
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

function watchLauncher() {
  const pipe = new Socket({ fd: 3, readable: true, writable: false });
  pipe.unref(); // it must not keep a process alive that OpenClaw has ended
  pipe.resume(); // the end of a stream is only seen by who reads it
  pipe.on('error', () => {}); // an error closes it too
  pipe.on('close', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_GRACE_MILLIS).unref();
  });
}
