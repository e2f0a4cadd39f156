/**
 * Preloaded into OpenClaw's own process (`node --import guard.mjs openclaw.mjs …`), so that these hold of the very
 * process that opens a tenant's state:
 *
 * - it alone has the state: it holds an exclusive lock for as long as it lives, or it never gets as far as OpenClaw;
 * - it does not outlive its launcher, as a container does not outlive its first process;
 * - its output ends nothing: on a full disk Node throws out of any line that goes to a file;
 * - it does not outlive its hold, for as long as which nobody else may run this tenant (docs/fence.md), even when its
 *   launcher stands still.
 *
 * Launcher and hold are watched by a thread of its own (guard-watch.mjs): OpenClaw's may be busy for a long time.
 *
 * Plain JavaScript that imports nothing of ours: it runs under whatever Node and loader the runtime was started with.
 */
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

/** EX_TEMPFAIL of sysexits.h: the lock is held, or cannot be taken now; trying again later may work. */
const LOCK_HELD = 75;
/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

const { OPENCRANE_GATEWAY_LOCK: path, OPENCRANE_GATEWAY_HOLD: hold } = process.env;
// OpenClaw starts children with this environment; they must not try to take its lock.
delete process.env.OPENCRANE_GATEWAY_LOCK;
delete process.env.OPENCRANE_GATEWAY_HOLD;

// Workers inherit the preload; only the main process was given the variable (and the pipe).
if (path !== undefined) {
  takeLock(path);
  startWatch(hold);
  for (const output of [process.stdout, process.stderr]) keepFromThrowing(output);
}

/** @param {string} file */
function takeLock(file) {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // The journal in memory: BEGIN EXCLUSIVE makes one beside the file otherwise, for which a full disk has no room.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const isHeld = cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === SQLITE_BUSY;
    const words = isHeld ? 'another OpenClaw runs on this state: it holds' : 'the lock on this state cannot be taken:';
    process.stderr.write(`${words} ${file} (${why})\n`);
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

/** A line that cannot be written is lost. @param {NodeJS.WriteStream} output */
function keepFromThrowing(output) {
  const write = output._write.bind(output);
  output._write = (chunk, encoding, done) => {
    try {
      write(chunk, encoding, done);
    } catch {
      done();
    }
  };
}
