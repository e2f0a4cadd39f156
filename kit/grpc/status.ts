/** The one mapping between OpenCraneError and the errors of Connect and gRPC. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';

import { Code, ConnectError } from '@connectrpc/connect';
import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { ErrorInfoSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type ErrorCode, messageOf, OpenCraneError, toOpenCraneError } from '../errors.ts';

const numbers: Record<ErrorCode, Code> = {
  cancelled: Code.Canceled,
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  data_loss: Code.DataLoss,
  unauthenticated: Code.Unauthenticated,
};

/** The metadata key under which gRPC carries our ErrorInfo. */
const infoKey = 'opencrane-error-bin';

/** An error as Connect sends it, with our ErrorInfo as a detail. */
export function toConnectError(thrown: unknown, doing: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = toOpenCraneError(thrown, doing);
  const { reason, field, mend } = error;
  const detail = { desc: ErrorInfoSchema, value: { reason, field, mend } };
  return new ConnectError(error.message, numbers[error.code], undefined, [detail], error);
}

/** An error as grpc-js sends it, with our ErrorInfo in the trailers. */
export function toGrpcStatus(thrown: unknown, doing: string): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const error = toOpenCraneError(thrown, doing);
  const metadata = new Metadata();
  const { reason, field, mend } = error;
  metadata.set(infoKey, Buffer.from(toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { reason, field, mend }))));
  return { code: Number(numbers[error.code]), details: error.message, metadata };
}

/** What a Connect call threw, as our error. An answer without ErrorInfo (a proxy's, say) keeps its code. */
export function fromConnectError(thrown: unknown): OpenCraneError {
  if (thrown instanceof OpenCraneError) return thrown;
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  return rebuild(codeOf(error.code), error.rawMessage, info, error);
}

/** What a grpc-js call failed with, as our error. */
export function fromGrpcError(thrown: unknown): OpenCraneError {
  if (thrown instanceof OpenCraneError) return thrown;
  if (!isServiceError(thrown)) return toOpenCraneError(thrown, 'calling over gRPC');
  const [packed] = thrown.metadata?.get(infoKey) ?? [];
  const info = Buffer.isBuffer(packed) ? fromBinary(ErrorInfoSchema, packed) : undefined;
  return rebuild(codeOf(Number(thrown.code)), thrown.details || messageOf(thrown), info, thrown);
}

function rebuild(
  code: ErrorCode,
  message: string,
  info: { readonly reason: string; readonly field: string; readonly mend: string } | undefined,
  cause: Error,
): OpenCraneError {
  return new OpenCraneError(code, info?.reason || code, message, {
    field: info?.field ?? '',
    mend: info?.mend ?? '',
    cause,
  });
}

function codeOf(number: number): ErrorCode {
  const found = Object.entries(numbers).find(([, value]) => Number(value) === number)?.[0];
  return (found as ErrorCode | undefined) ?? 'internal'; // the keys of `numbers` are ErrorCodes
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && thrown.code in status;
}
