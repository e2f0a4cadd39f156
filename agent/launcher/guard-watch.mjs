/**
 * Ends the process it is a thread of (guard.mjs) in time, whatever the main thread is busy with:
 *
 *   launcher gone (the pipe on descriptor 3 closes) ─▶ SIGTERM, and SIGKILL after a grace
 *   hold over                                       ─▶ SIGKILL
 *
 * The hold is a moment on the machine's clock since boot. The launcher writes a later one to the pipe, a line each.
 */
import { Socket } from 'node:net';
import { uptime } from 'node:os';
import { workerData } from 'node:worker_threads';

/** How long OpenClaw may drain without a launcher: idle it takes 2.5 s at most, and nobody waits for its answers. */
const ORPHAN_GRACE_MILLIS = 10_000;
/** Timers stand still while the machine sleeps; this clock does not. */
const LOOK_EVERY_MILLIS = 500;

let until = workerData.until === undefined ? Number.POSITIVE_INFINITY : Number(workerData.until);
/** @type {NodeJS.Timeout | undefined} */
let timer;
let line = '';

const pipe = new Socket({ fd: 3, readable: true, writable: false });
pipe.setEncoding('latin1').on('data', (text) => {
  const lines = (line + text).split('\n');
  line = lines.pop() ?? '';
  const newest = lines.at(-1);
  if (newest !== undefined) endBy(Number(newest));
});
pipe.on('error', () => {}); // an error closes it too
pipe.on('close', () => {
  endBy(Math.min(until, bootMillis() + ORPHAN_GRACE_MILLIS));
  process.kill(process.pid, 'SIGTERM');
});
endBy(until);

/** @param {number} moment */
function endBy(moment) {
  until = moment;
  clearTimeout(timer);
  if (until !== Number.POSITIVE_INFINITY) look();
}

function look() {
  const left = until - bootMillis();
  if (left > 0) timer = setTimeout(look, Math.min(left, LOOK_EVERY_MILLIS));
  else endAll(); // or `until` is no number, which is no hold
}

/** The launcher gives OpenClaw a process group of its own; what it started must not write on either. */
function endAll() {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL'); // not the leader of a group
  }
}

/** What the launcher counts by, too (agent/launcher/boot-clock.ts). */
function bootMillis() {
  return uptime() * 1000;
}
