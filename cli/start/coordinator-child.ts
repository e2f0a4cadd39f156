/** A coordinator as a child process, in a process group of its own: a terminal's Ctrl-C reaches only the CLI. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Endpoints, readEndpoints } from '../connection/home.ts';

const main = join(import.meta.dirname, '../../coordinator/main.ts');

/** How often it is looked whether the coordinator listens. */
const LOOK_MILLIS = 30;

/** Lines of its log that are shown when it does not come up. */
const LAST_LINES = 12;

/** How to start one. */
export type CoordinatorOptions = {
  readonly home: string;
  readonly adminPort: number;
  readonly agentPort: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** How a process ended: its exit code, or the signal that ended it. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** The child. */
export class CoordinatorChild {
  readonly home: string;
  /** Where its output goes. */
  readonly log: string;
  /** Resolves when the process is gone. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #logStart: number;

  constructor({ home, adminPort, agentPort, environment }: CoordinatorOptions) {
    this.home = home;
    this.log = join(home, 'logs', 'coordinator.log');
    mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
    const log = openSync(this.log, 'a', 0o600);
    this.#logStart = fstatSync(log).size;
    const flags = ['--home', home, '--admin-port', String(adminPort), '--agent-port', String(agentPort)];
    this.#process = spawn(process.execPath, [main, ...flags], {
      detached: true,
      stdio: ['ignore', log, log],
      env: environment,
    });
    closeSync(log);
    this.exited = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Asks it to stop; asked a second time it hurries. */
  stop(): void {
    this.#process.kill('SIGTERM');
  }

  /** Resolves when it listens; throws with the end of its log when it ends before that. */
  async listening(clock: Clock, signal: AbortSignal): Promise<Endpoints> {
    let exit: Exit | undefined;
    void this.exited.then((ended) => {
      exit = ended;
    });
    for (;;) {
      const endpoints = await readEndpoints(this.home);
      if (endpoints?.pid === this.pid) return endpoints;
      if (exit) throw await this.didNotStart(exit);
      await clock.sleep(LOOK_MILLIS, signal);
    }
  }

  /** The error of a coordinator that ended by itself, with its last words. */
  async didNotStart(exit: Exit): Promise<OpenCraneError> {
    const how = exit.signal ? `was ended by ${exit.signal}` : `ended with exit code ${exit.code}`;
    const words = await this.#lastWords();
    // Only one that ended by itself had time to say why; tenants that run do not need it.
    const mend = exit.signal
      ? 'start again: it finds its tenants, which serve on'
      : 'mend what it says, and start again';
    return new OpenCraneError('unavailable', 'coordinator_ended', `the coordinator ${how}:\n${words}`, {
      field: this.log,
      mend,
    });
  }

  /** The end of what it wrote since it was started. */
  async #lastWords(): Promise<string> {
    const file = await open(this.log, 'r');
    try {
      const { size } = await file.stat();
      const from = Math.max(this.#logStart, size - 16_384);
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - from), position: from });
      return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-LAST_LINES).join('\n');
    } finally {
      await file.close();
    }
  }
}
