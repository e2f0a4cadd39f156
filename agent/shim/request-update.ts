/** Asks the tenant's agent for an update, through the launcher, and shows what comes back. */
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { exitCodes } from '@opencrane/kit/errors.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import { LauncherService } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { TenantFolders } from '../folders.ts';
import { launcherSocket } from '../launcher/socket.ts';
import { ProgressLines } from './progress-lines.ts';

/** Resolves with the exit code. A Ctrl-C leaves: the update is the agent's and goes on. */
export async function requestUpdate(folders: TenantFolders, version: string): Promise<number> {
  const leave = new AbortController();
  process.once('SIGINT', () => leave.abort());
  const client: Client<typeof LauncherService> = createClient(
    LauncherService,
    createConnectTransport({
      httpVersion: '1.1',
      baseUrl: 'http://launcher', // the socket decides where calls go
      nodeOptions: { socketPath: launcherSocket(folders) },
    }),
  );
  const lines = new ProgressLines();
  try {
    for await (const answer of client.update({ version }, { signal: leave.signal })) {
      const line = answer.progress && lines.next(answer.progress);
      if (line !== undefined) process.stdout.write(`${line}\n`);
      if (!answer.finished) continue;
      const stream = answer.exitCode === exitCodes.ok ? process.stdout : process.stderr;
      if (answer.message) stream.write(`${answer.message}\n`);
      return answer.exitCode;
    }
  } catch (cause) {
    if (!leave.signal.aborted) throw fromConnectError(cause);
  }
  process.stderr.write(
    leave.signal.aborted
      ? 'left; an update that has begun goes on without this terminal\n'
      : 'the launcher ended before the update did; it goes on when the tenant is back\n',
  );
  return leave.signal.aborted ? exitCodes.interrupted : exitCodes.unavailable;
}
