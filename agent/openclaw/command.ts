/** Runs one of OpenClaw's own commands to its end, with bounded time and output. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { shareCompileCache } from './compile-cache.ts';
import { guarding, nodeFlags, openclawEntry } from './environment.ts';

/** A command to run. */
export type OpenClawCommand = {
  /** Folder of the runtime whose OpenClaw runs it. */
  readonly runtimeDirectory: string;
  /** Arguments after `openclaw`. */
  readonly arguments: readonly string[];
  /** Its whole environment; `commandEnvironment` makes it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where it runs; made when it is not there. */
  readonly folder: string;
  /** For a command that changes the state: it holds this lock, as the gateway does, and does not outlive us (guard.mjs). */
  readonly stateLock?: string;
  readonly timeoutMillis?: number;
  readonly signal?: AbortSignal;
};

/** How a command ended. A code other than 0 is an answer, not an error. */
export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

const TIMEOUT_MILLIS = 60_000; // `config validate` takes about a second; `doctor` on a slow disk half a minute
/** Output past this is dropped from the front: the end says how it ended. */
const MOST_OUTPUT_CHARACTERS = 4 * 1024 * 1024; // the whole JSON schema of the configuration is below 2 MB

/** Runs it. Throws `deadline_exceeded` when it took too long, and an AbortError on the signal; it is gone by then. */
export async function runOpenClaw(command: OpenClawCommand): Promise<CommandResult> {
  const { runtimeDirectory, timeoutMillis = TIMEOUT_MILLIS, signal } = command;
  signal?.throwIfAborted();
  mkdirSync(command.folder, { recursive: true, mode: 0o700 });
  const { TMPDIR: temporaryFolder } = command.environment;
  if (temporaryFolder !== undefined) shareCompileCache(runtimeDirectory, temporaryFolder);
  const guard = guarding(command.stateLock);
  const flags = [...nodeFlags, ...guard.flags];
  const child = spawn(process.execPath, [...flags, openclawEntry(runtimeDirectory), ...command.arguments], {
    cwd: command.folder,
    env: { ...command.environment, ...guard.environment },
    stdio: ['ignore', 'pipe', 'pipe', command.stateLock === undefined ? 'ignore' : 'pipe'],
    detached: true, // a group of its own, so that nothing it started stays behind
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-MOST_OUTPUT_CHARACTERS);
    });
  }
  let late = false;
  const kill = () => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, timeoutMillis);
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode) => resolve(exitCode ?? -1));
    });
    signal?.throwIfAborted();
    if (late) throw tooSlow(command.arguments, timeoutMillis, output.stderr);
    return { code, ...output };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
    kill();
  }
}

/** Ends whatever is left of the process group that `pid` leads. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

function tooSlow(args: readonly string[], timeoutMillis: number, stderr: string): OpenCraneError {
  const said = stderr.trim().slice(-500);
  return new OpenCraneError(
    'deadline_exceeded',
    'openclaw_command_slow',
    `openclaw ${args.join(' ')}: not done within ${timeoutMillis} ms${said && `; it said: ${said}`}`,
  );
}
