/** What a command threw, as an error for the person who typed it. */
import { ConnectError } from '@connectrpc/connect';
import { OpenCraneError, systemCode, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { fileError } from '@opencrane/kit/file-error.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';

/** Codes of a connection that was not made. */
const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT']);

/** An OpenCraneError, whatever was thrown. */
export function callError(thrown: unknown): OpenCraneError {
  if (!(thrown instanceof ConnectError)) {
    return fileError(thrown, 'running the command') ?? toOpenCraneError(thrown, 'running the command');
  }
  if (!unreachable.has(systemCode(thrown.cause))) return fromConnectError(thrown);
  return new OpenCraneError(
    'unavailable',
    'coordinator_unreachable',
    `the coordinator does not answer: ${thrown.rawMessage}`,
    {
      cause: thrown,
      mend: 'see whether it runs with "opencrane status"; its log is logs/coordinator.log in its home folder',
    },
  );
}

/** Whether a call only ended because the person wanted to stop. */
export function isCancelled(thrown: unknown): boolean {
  return callError(thrown).code === 'cancelled';
}
