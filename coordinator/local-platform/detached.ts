/** Starts a program that outlives us, with its output in a file. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';

/** What to start. */
export type DetachedSpec = {
  readonly command: readonly [file: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly log: string;
};

/** One that was started; `ended` resolves with how it ended, or why it could not be started. */
export type Detached = { /** 0 when it could not be started. */ readonly pid: number; readonly ended: Promise<string> };

const LOG_ROTATE_BYTES = 10 * 1024 ** 2;

/** Starts it. */
export function startDetached({ command: [file, ...args], environment, folder, log }: DetachedSpec): Detached {
  rotate(log);
  const output = openSync(log, 'a', 0o600);
  try {
    // In a session of its own, so that neither a terminal's Ctrl-C nor our death reaches it.
    const stdio = ['ignore', output, output] as const;
    const child = spawn(file, args, { cwd: folder, env: environment, detached: true, stdio: [...stdio] });
    child.unref();
    const ended = new Promise<string>((resolve) => {
      child.once('error', (cause) => resolve(`it could not be started: ${cause.message}`));
      child.once('exit', (code, signal) => resolve(signal ? `it was ended by ${signal}` : `it exited with ${code}`));
    });
    return { pid: child.pid ?? 0, ended };
  } finally {
    closeSync(output);
  }
}

/** Keeps one older log beside the current one. Only before a start, while nobody writes. */
function rotate(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size >= LOG_ROTATE_BYTES) renameSync(path, `${path}.1`);
}
