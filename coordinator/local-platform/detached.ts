/** Starts a program that outlives us, with its output in a file. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync } from 'node:fs';
import { readLogTail, sizeOfLog } from '@opencrane/kit/log-tail.ts';
import type { ProgramEnd } from '@opencrane/kit/program-end.ts';

/** What to start. */
export type DetachedSpec = {
  readonly command: readonly [file: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly log: string;
};

/** How one ended: its code and signal, and what it wrote last; or, with code -1 and no signal, why it could not be started. */
export type DetachedEnd = Pick<ProgramEnd, 'code' | 'signal' | 'output'>;

/** One that was started. */
export type Detached = {
  /** 0 when it could not be started. */
  readonly pid: number;
  readonly ended: Promise<DetachedEnd>;
};

const LOG_ROTATE_BYTES = 10 * 1024 ** 2;

/** Starts it. */
export function startDetached({ command: [file, ...args], environment, folder, log }: DetachedSpec): Detached {
  rotate(log);
  const output = openSync(log, 'a', 0o600);
  const begin = sizeOfLog(log);
  try {
    // In a session of its own, so that neither a terminal's Ctrl-C nor our death reaches it.
    const stdio = ['ignore', output, output] as const;
    const child = spawn(file, args, { cwd: folder, env: environment, detached: true, stdio: [...stdio] });
    child.unref();
    const ended = new Promise<DetachedEnd>((resolve) => {
      child.once('error', (cause) => resolve({ code: -1, signal: '', output: cause.message }));
      child.once('exit', (code, signal) => {
        resolve({ code: code ?? -1, signal: signal ?? '', output: readLogTail(log, begin) });
      });
    });
    return { pid: child.pid ?? 0, ended };
  } finally {
    closeSync(output);
  }
}

/** Keeps one older log beside the current one. Only before a start, while nobody writes. */
function rotate(path: string): void {
  if (sizeOfLog(path) >= LOG_ROTATE_BYTES) renameSync(path, `${path}.1`);
}
