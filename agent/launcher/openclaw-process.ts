/** Starts OpenClaw's gateway as a child that holds the lock on its state and does not outlive us (guard.mjs). */
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { TenantFolders } from '../folders.ts';
import { killGroup } from '../openclaw/command.ts';
import { shareCompileCache } from '../openclaw/compile-cache.ts';
import { guarding, nodeFlags, openclawEntry } from '../openclaw/environment.ts';
import { LogFile } from './log-file.ts';

const ROTATE_EVERY_MILLIS = 60_000;

/** What to run. */
export type StartOrder = {
  readonly runtimeDirectory: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly arguments: readonly string[];
};

/** How a process ended. */
export type ProcessEnd = {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly signal: string;
  readonly lastWords: string;
};

/** A process that was started. */
export type RunningProcess = {
  readonly pid: number;
  /** Resolves when it and everything in its process group is gone. */
  readonly ended: Promise<ProcessEnd>;
  /** Tells its guard until when it may run, a moment on the machine's boot clock. */
  hold(until: number): void;
};

/** Reads the gateway's token; the one secret that OpenClaw is started with. */
export async function readGatewayToken(folders: TenantFolders): Promise<string> {
  try {
    return (await readFile(folders.gatewayToken, 'utf8')).trim();
  } catch (cause) {
    throw new OpenCraneError(
      'failed_precondition',
      'gateway_token_missing',
      `reading the gateway's token: ${messageOf(cause)}`,
      { cause, field: folders.gatewayToken, mend: 'restart the agent: it writes the file' },
    );
  }
}

/** Starts the gateway; with a hold it ends itself at `until`, whatever becomes of us. Throws when its runtime is not there. */
export async function spawnGateway(folders: TenantFolders, order: StartOrder, until?: number): Promise<RunningProcess> {
  const entry = openclawEntry(order.runtimeDirectory);
  requireFile(entry);
  const token = await readGatewayToken(folders);
  for (const folder of [folders.logs, folders.tmp, order.environment['HOME'] ?? folders.tmp]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  shareCompileCache(order.runtimeDirectory, folders.tmp);
  const log = new LogFile(folders.openclawLog);
  const guard = guarding(folders.gatewayLock);
  const child = spawn(process.execPath, [...nodeFlags, ...guard.flags, entry, ...order.arguments], {
    cwd: folders.state,
    env: { ...order.environment, OPENCLAW_GATEWAY_TOKEN: token, ...guard.environment, ...holdVariable(until) },
    // The fourth is the pipe to the guard: its end says that we are gone, a line on it extends the hold.
    stdio: ['ignore', log.descriptor, log.descriptor, 'pipe'],
    detached: true, // a group of its own: a Ctrl-C meant for us does not reach it, and what it leaves behind can be ended
  });
  log.close();
  const { pid } = child;
  if (pid === undefined) {
    const cause = await new Promise<Error>((resolve) => child.once('error', resolve));
    throw new OpenCraneError('internal', 'spawn_failed', `starting OpenClaw: ${cause.message}`, { cause });
  }
  const rotation = setInterval(() => log.rotate(), ROTATE_EVERY_MILLIS).unref();
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      clearInterval(rotation);
      killGroup(pid);
      resolve({ code: code ?? -1, signal: signal ?? '', lastWords: log.lastWords() });
    });
  });
  const pipe = child.stdio[3];
  pipe?.on('error', () => {}); // the process has ended
  const hold = (moment: number) => {
    if (pipe instanceof Writable && pipe.writable) pipe.write(`${Math.floor(moment)}\n`);
  };
  return { pid, ended, hold };
}

function holdVariable(until: number | undefined): Readonly<Record<string, string>> {
  return until === undefined ? {} : { OPENCRANE_GATEWAY_HOLD: String(Math.floor(until)) };
}

function requireFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return;
  throw new OpenCraneError('failed_precondition', 'runtime_missing', `starting OpenClaw: there is no ${path}`, {
    field: 'runtime_directory',
    mend: 'unpack the runtime first',
  });
}
