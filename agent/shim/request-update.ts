/** Asks the tenant's agent for an update, through the launcher, and shows what comes back. */
import { exitCodes } from '@opencrane/kit/errors.ts';
import { forTerminal, linesForTerminal } from '@opencrane/kit/terminal-text.ts';
import type { TenantFolders } from '../folders.ts';
import { LauncherClient } from '../launcher/client.ts';
import { ProgressLines } from './progress-lines.ts';

/** Resolves with the exit code. A Ctrl-C leaves: the update is the agent's and goes on. */
export async function requestUpdate(folders: TenantFolders, version: string): Promise<number> {
  const leave = new AbortController();
  process.once('SIGINT', () => leave.abort());
  const launcher = new LauncherClient(folders);
  const lines = new ProgressLines();
  try {
    for await (const answer of launcher.update(version, leave.signal)) {
      const line = answer.progress && lines.next(answer.progress);
      if (line !== undefined) process.stdout.write(`${forTerminal(line)}\n`);
      if (!answer.finished) continue;
      const stream = answer.exitCode === exitCodes.ok ? process.stdout : process.stderr;
      if (answer.message) stream.write(`${linesForTerminal(answer.message)}\n`);
      return answer.exitCode;
    }
  } catch (cause) {
    if (!leave.signal.aborted) throw cause;
  }
  process.stderr.write(
    leave.signal.aborted
      ? 'left; an update that has begun goes on without this terminal\n'
      : 'the launcher ended before the update did; it goes on when the tenant is back\n',
  );
  return leave.signal.aborted ? exitCodes.interrupted : exitCodes.unavailable;
}
