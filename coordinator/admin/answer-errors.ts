/** Turns whatever a service throws into an answer that helps the caller and gives nothing away. */
import { type Path as FieldPath, pathToString } from '@bufbuild/protobuf/reflect';
import { ValidationError, type Violation } from '@bufbuild/protovalidate';
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { isAbort, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';

/** What answering needs. */
export type AnswerErrorsOptions = {
  readonly log: Logger;
  /** Makes the id under which an internal error is in the log. */
  readonly newId: () => string;
  /** Fires when the server stops; streams then end with an error, or their readers would think that there is no more. */
  readonly stopping: AbortSignal;
};

/** The outermost interceptor. */
export function answerErrors(options: AnswerErrorsOptions): Interceptor {
  return (next) => async (request) => {
    const doing = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: answered(response.message, doing, options) };
    } catch (thrown) {
      throw answerTo(thrown, doing, options);
    }
  };
}

/** The error to answer: ours with its details, anything unforeseen as an id that is in the log. */
export function answerTo(thrown: unknown, doing: string, { log, newId, stopping }: AnswerErrorsOptions): ConnectError {
  if (stopping.aborted && isAbort(thrown)) return toConnectError(stopped(), doing);
  if (thrown instanceof ConnectError) {
    return thrown.cause instanceof ValidationError ? toConnectError(invalid(thrown.cause), doing) : thrown;
  }
  const error = toOpenCraneError(thrown, doing);
  if (error.code !== 'internal') return toConnectError(error, doing);
  const id = newId();
  log.error({ err: thrown, id, doing }, 'a request failed');
  const hidden = new OpenCraneError(
    'internal',
    'internal',
    `something unforeseen went wrong; it is in the log as ${id}`,
    {
      mend: `look for ${id} in the coordinator's log, and report it`,
    },
  );
  return toConnectError(hidden, doing);
}

async function* answered<T>(
  messages: AsyncIterable<T>,
  doing: string,
  options: AnswerErrorsOptions,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw answerTo(thrown, doing, options);
  }
  if (options.stopping.aborted) throw toConnectError(stopped(), doing);
}

function stopped(): OpenCraneError {
  return new OpenCraneError('unavailable', 'stopping', 'the coordinator stops', { mend: 'try again when it is back' });
}

function invalid({ violations, message }: ValidationError): OpenCraneError {
  const [violation] = violations;
  if (violation === undefined) return new OpenCraneError('invalid_argument', 'request_invalid', message);
  const field = fieldOf(violation.field);
  return new OpenCraneError('invalid_argument', 'request_invalid', message, { field, mend: mendOf(violation) });
}

function fieldOf(path: FieldPath): string {
  return pathToString(path).replace(/^\./, '');
}

/** The only pattern in the contracts of people is that of names. */
function mendOf({ ruleId }: Violation): string {
  return ruleId === 'string.pattern'
    ? 'write lower-case letters, digits and hyphens, 63 at most, with no hyphen at either end'
    : 'see the rules of this field in opencrane/v1';
}
