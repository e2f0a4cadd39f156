/** SendArchive: takes an archive from an agent, each piece when the one before has been asked for by its reader. */
import { create } from '@bufbuild/protobuf';
import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import { toGrpcStatus } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import {
  SendArchiveRequestSchema,
  type SendArchiveResponse,
  SendArchiveResponseSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { ArchivePipe } from './archive-pipe.ts';
import type { Archives } from './archives.ts';
import { bearerToken } from './bearer.ts';
import type { AgentTokenVerifier } from './ports.ts';

/** What SendArchive needs. */
export type ArchiveCallsPorts = {
  readonly verifier: AgentTokenVerifier;
  readonly archives: Archives;
  readonly log: Logger;
};

/** A call of SendArchive. The requests are bytes: see kit/grpc/decode-request.ts. */
export type ArchiveCall = ServerReadableStream<Buffer, SendArchiveResponse>;

/** Serves a call to its end; never rejects. Whoever asked for the archive has taken all of it when the call succeeds. */
export async function takeArchive(
  { verifier, archives, log }: ArchiveCallsPorts,
  call: ArchiveCall,
  respond: sendUnaryData<SendArchiveResponse>,
): Promise<void> {
  let tenant = '';
  let sending: Sending | undefined;
  try {
    ({ tenant } = await verifier.verify(bearerToken(call.metadata)));
    for await (const bytes of call) {
      const { commandId, data } = decodeRequest(SendArchiveRequestSchema, bytes);
      sending ??= begin(call, archives, commandId, tenant);
      if (commandId !== sending.commandId) throw mixed(sending.commandId, commandId);
      if (data.byteLength > 0) await sending.pipe.put(data);
    }
    if (sending === undefined) throw unnamed();
    await sending.pipe.end();
    respond(null, create(SendArchiveResponseSchema));
  } catch (thrown) {
    const cause = sending?.pipe.broken.aborted ? notWanted(sending) : thrown;
    sending?.pipe.break(cutOff(tenant, cause));
    log.info({ err: cause, tenant, commandId: sending?.commandId }, 'taking an archive failed');
    if (!call.cancelled) respond(toGrpcStatus(cause, 'taking an archive'));
  }
}

type Sending = { readonly commandId: string; readonly pipe: ArchivePipe };

function begin(call: ArchiveCall, archives: Archives, commandId: string, tenant: string): Sending {
  const pipe = archives.claim(commandId, tenant);
  // A call whose next piece is still awaited would not notice that its reader has gone.
  pipe.broken.addEventListener('abort', () => call.destroy(), { once: true });
  return { commandId, pipe };
}

function notWanted({ commandId, pipe }: Sending): OpenCraneError {
  const what = `nobody waits for the archive of command ${commandId} any more`;
  return new OpenCraneError('aborted', 'archive_not_wanted', what, {
    cause: pipe.broken.reason,
    mend: 'whoever asked for it has gone',
  });
}

function cutOff(tenant: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('unavailable', 'archive_cut_off', `the archive of ${tenant} was cut off on its way`, {
    cause,
    mend: 'ask for it again',
  });
}

function mixed(expected: string, actual: string): OpenCraneError {
  const what = `a piece of command ${actual} came in the call of command ${expected}`;
  return new OpenCraneError('invalid_argument', 'archive_mixed', what, {
    field: 'command_id',
    mend: 'send each archive in a call of its own',
  });
}

function unnamed(): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'archive_unnamed', 'the call ended before it named its command', {
    field: 'command_id',
    mend: 'send at least one piece, which may be empty',
  });
}
