/**
 * Keeps one program of a tenant running, across its crashes and across ours.
 *
 *   stopped ──keep──▶ found running, or spawned ──▶ running ──ended──▶ resting (backoff) ──▶ spawned …
 *       ◀──────────────────────── stop ────────────────────────────────────┘
 *
 * A program holds a process lock while it lives (kit/process-lock.ts) and writes its pid beside it, so that a coordinator
 * that comes after a crash finds it and does not start a second one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';

/** How to start a program and how to find it again. */
export type ProgramSpec = {
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly log: string;
  readonly lock: string;
  readonly pid: string;
};

/** What keeping a program takes. */
export type ProgramTools = { readonly clock: Clock; readonly random: () => number; readonly log: Logger };

const RESTART = { firstMillis: 500, maxMillis: 30_000 };
/** A program that lived this long was well; its next crash starts the backoff anew. */
const WELL_MILLIS = 60_000;
/** How often an adopted process, which is not our child, is looked at. */
const LOOK_MILLIS = 500;
const LOG_ROTATE_BYTES = 10 * 1024 ** 2;

/** One program. */
export class Program {
  readonly #spec: ProgramSpec;
  readonly #tools: ProgramTools;
  #stopping = new AbortController();
  #pid = 0;
  #keeping: Promise<void> | undefined;

  constructor(spec: ProgramSpec, tools: ProgramTools) {
    this.#spec = spec;
    this.#tools = tools;
  }

  /** Keeps it running from now on; resolves when it was found or spawned. */
  async keep(): Promise<void> {
    if (this.#keeping !== undefined) return;
    this.#stopping = new AbortController();
    const first = Promise.withResolvers<void>();
    this.#keeping = this.#keep(first.resolve);
    await Promise.race([first.promise, this.#keeping]);
  }

  /**
   * Ends it: SIGTERM, and SIGKILL when `budgetMillis` has passed or `hurry` has fired and it did not end in five seconds.
   * Resolves when the process is gone.
   */
  async stop(budgetMillis: number, hurry: AbortSignal): Promise<void> {
    this.#stopping.abort('stopped');
    const pid = this.#pid || this.#find();
    if (pid !== 0) await this.#end(pid, budgetMillis, hurry);
    await this.#keeping;
    this.#keeping = undefined;
  }

  async #keep(up: () => void): Promise<void> {
    const { clock, random, log } = this.#tools;
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt += 1) {
      const began = clock.monotonic();
      const found = this.#find();
      const ended = found !== 0 ? this.#adopted(found) : this.#spawned();
      up();
      const how = await ended;
      this.#pid = 0;
      if (this.#stopping.signal.aborted) return;
      if (clock.monotonic() - began > WELL_MILLIS) attempt = 0;
      const rest = backoffMillis(attempt, RESTART, random);
      log.warn({ program: this.#spec.name, how, restMillis: rest }, 'a program of a tenant ended and is started again');
      await clock.sleep(rest, this.#stopping.signal).catch(() => {});
    }
  }

  /** The pid of a program that runs already, or 0. The lock decides; a pid alone may have come again. */
  #find(): number {
    const pid = readPid(this.#spec.pid);
    if (pid === 0 || !processExists(pid)) return 0;
    return isLocked(this.#spec.lock) ? pid : 0;
  }

  async #adopted(pid: number): Promise<string> {
    this.#pid = pid;
    this.#tools.log.info({ program: this.#spec.name, pid }, 'found running');
    while (processExists(pid)) await this.#tools.clock.sleep(LOOK_MILLIS);
    return 'it ended';
  }

  #spawned(): Promise<string> {
    const { command, environment, folder, log } = this.#spec;
    const [file, ...args] = command;
    rotate(log);
    const output = openSync(log, 'a', 0o600);
    let child: ChildProcess;
    try {
      // In a session of its own, so that neither Ctrl-C in our terminal nor our death reaches it.
      child = spawn(file, args, { cwd: folder, env: environment, detached: true, stdio: ['ignore', output, output] });
    } finally {
      closeSync(output);
    }
    child.unref();
    this.#pid = child.pid ?? 0;
    return new Promise((resolve) => {
      child.once('error', (cause) => resolve(`it could not be started: ${cause.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `it exited with ${code}` : `it was ended by ${signal}`),
      );
    });
  }

  async #end(pid: number, budgetMillis: number, hurry: AbortSignal): Promise<void> {
    const { clock, log } = this.#tools;
    signal(pid, 'SIGTERM');
    let deadline = clock.monotonic() + budgetMillis;
    const hasten = () => {
      signal(pid, 'SIGTERM'); // told twice, a launcher gives its drain up
      deadline = Math.min(deadline, clock.monotonic() + 5_000);
    };
    if (hurry.aborted) hasten();
    hurry.addEventListener('abort', hasten, { once: true });
    while (processExists(pid) && clock.monotonic() < deadline) await clock.sleep(50);
    hurry.removeEventListener('abort', hasten);
    if (!processExists(pid)) return;
    log.warn({ program: this.#spec.name, pid }, 'did not end in time and is killed');
    signal(pid, 'SIGKILL');
    while (processExists(pid)) await clock.sleep(20);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if (systemCode(cause) !== 'ESRCH') throw cause;
  }
}

function readPid(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || 0;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 0;
    throw cause;
  }
}

function isLocked(path: string): boolean {
  try {
    takeProcessLock(path, 'a program').release();
    return false;
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.reason === 'lock_held') return true;
    throw cause;
  }
}

/** Keeps one older log beside the current one. Only done before a start, while nobody writes. */
function rotate(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < LOG_ROTATE_BYTES) return;
  rmSync(`${path}.1`, { force: true });
  renameSync(path, `${path}.1`);
}
